"""Hydra launcher `stacked`: the jobs of a sweep become stacks, each trained as one program.

A stacked run is no Hydra job. It leaves what a Hydra user expects: a folder with ``.hydra/config.yaml`` and
``.hydra/overrides.yaml``, the callbacks `on_job_start` and `on_job_end`, a `JobReturn` in order. The jobs of any other
task function are run one after the other with Hydra's `run_job`.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import (
    JobReturn,
    JobRuntime,
    JobStatus,
    configure_log,
    filter_overrides,
    run_job,
    setup_globals,
)  # fmt: skip
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from hpsearch.cli import interrupt, task_function
from hpsearch.cli.compose import Composer
from hpsearch.cli.task_function import failure, overrides_of
from hpsearch.errors import NothingStarted, require
from hpsearch.task.prepare import prepare

if TYPE_CHECKING:
    from hpsearch.task.train import EndedRun
    from hpsearch.workers.run import RunSource


@dataclass
class StackedLauncherConf:
    """``hydra/launcher=stacked``."""

    _target_: str = "hpsearch.cli.launcher.StackedLauncher"
    lanes: int = 48  # runs trained beside each other, at most


ConfigStore.instance().store(group="hydra/launcher", name="stacked", node=StackedLauncherConf, provider="hpsearch")


class StackedLauncher(Launcher):
    """See the module's docstring."""

    hydra_cfg: DictConfig

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """As `Launcher.setup`. Raises UsageError for settings that a stacked run cannot honour."""
        self.hydra_cfg, self._context, self._task_function = config, hydra_context, task_function
        self.sweep = Path(config.hydra.sweep.dir)
        self.stacks = is_ours(task_function)
        if self.stacks:
            require(self.lanes >= 1, "hydra.launcher.lanes", self.lanes, "at least 1")
            _check_job_settings(config)
            self.composer = Composer(hydra_context.config_loader)
            hydra_context.config_loader = self.composer  # the sweeper validates each job by composing it

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """As `Launcher.launch`. After Ctrl-C only the runs that have ended are returned."""
        numbered = dict(enumerate(map(list, job_overrides), start=initial_job_idx))
        if not self.stacks:
            return [self._run_job(number, overrides) for number, overrides in numbered.items()]
        hydra = self.hydra_cfg.hydra
        composed = ((self.compose(n, lines), overrides_of(hydra, lines)) for n, lines in numbered.items())
        runs = prepare(composed, self.sweep)
        if self.hydra_cfg.plan:
            from hpsearch.task import plan

            print("\n".join(plan.describe(runs, self.sweep, self.lanes)))
            raise NothingStarted
        from hpsearch.workers.run import RunList

        source = RunList(list(zip(numbered, runs, strict=True)))
        returns = {ended.number: returned for ended, returned in self.train(source, numbered)}
        return [returns[number] for number in numbered if number in returns]

    def train(self, source: "RunSource", overrides: Mapping[int, list[str]]) -> Iterator[tuple["EndedRun", JobReturn]]:
        """Train the runs of a source, whose overrides are known by number; yields each run as it ends."""
        from hpsearch.task.train import train_all

        started: dict[int, DictConfig] = {}

        def before_record(number: int, folder: Path) -> None:
            started[number] = self._begin_job(number, overrides[number], folder)

        with interrupt.listening():
            for ended in train_all(source, self.sweep, self.lanes, interrupt.asked, before_record):
                returned = _job_return(overrides[ended.number], ended)
                if ended.trained:
                    config = started.pop(ended.number)
                    self._context.callbacks.on_job_end(config=config, job_return=returned)
                yield ended, returned

    def compose(self, number: int, overrides: list[str]) -> DictConfig:
        """The whole configuration of a job."""
        config = self.composer.load_sweep_config(self.hydra_cfg, overrides)
        config.hydra.job.id, config.hydra.job.num = str(number), number
        _check_job_settings(config)
        return config

    def _begin_job(self, number: int, overrides: list[str], folder: Path) -> DictConfig:
        """Call the callbacks of a job and write its ``.hydra``."""
        config = self.compose(number, overrides)
        config.hydra.sweep.subdir = folder.name
        config.hydra.runtime.output_dir = str(folder.absolute())
        self._context.callbacks.on_job_start(config=config, task_function=self._task_function)
        if config.hydra.output_subdir is not None:
            files = folder / config.hydra.output_subdir
            files.mkdir(parents=True, exist_ok=True)
            task_cfg = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
            OmegaConf.save(task_cfg, files / "config.yaml")
            OmegaConf.save(OmegaConf.create(list(filter_overrides(overrides))), files / "overrides.yaml")
        return config

    def _run_job(self, number: int, overrides: list[str]) -> JobReturn:
        """Run a job of another task function, as Hydra's basic launcher does."""
        setup_globals()
        config = self._context.config_loader.load_sweep_config(self.hydra_cfg, overrides)
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = str(number), number
        returned = run_job(
            hydra_context=self._context,
            task_function=self._task_function,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
        hydra = self.hydra_cfg.hydra
        configure_log(hydra.hydra_logging, hydra.verbose, execution_whitelist=self._context.execution_whitelist)
        return returned


def is_ours(function: TaskFunction) -> bool:
    """True for hpsearch's own task function, whose runs can be stacked."""
    return function is task_function.run


def _check_job_settings(config: DictConfig) -> None:
    """Raise UsageError for settings that belong to a process, because stacked runs share one."""
    cure = "under hydra/launcher=stacked; hydra/launcher=basic runs each job by itself"
    job, subdir = config.hydra.job, config.hydra.output_subdir
    require(not job.env_set, "hydra.job.env_set", dict(job.env_set), f"empty {cure}")
    require(not job.chdir, "hydra.job.chdir", "true", f"false {cure}")
    inside = subdir is None or (subdir not in ("", ".", "..") and "/" not in subdir)
    require(inside, "hydra.output_subdir", subdir, "the name of a folder, without /, or null")


def _job_return(overrides: Sequence[str], ended: "EndedRun") -> JobReturn:
    from hpsearch.task.outcome import value_of

    returned = JobReturn(
        overrides=filter_overrides(overrides),
        working_dir=os.getcwd(),
        task_name=JobRuntime.instance().get("name"),
    )
    value: Any = value_of(ended.outcome)
    returned.status = JobStatus.COMPLETED
    if isinstance(ended.outcome, Exception):
        value, returned.status = failure(ended.folder, ended.outcome), JobStatus.FAILED
    returned.return_value = value
    return returned
