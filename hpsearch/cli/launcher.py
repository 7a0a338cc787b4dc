"""Hydra launcher `stacked`: the jobs of a sweep become stacks, each trained as one program.

A stacked run is no Hydra job. It leaves what a Hydra user expects: a folder with ``.hydra/config.yaml`` and
``.hydra/overrides.yaml``, the callbacks `on_job_start` and `on_job_end`, a `JobReturn` in order. The jobs of any other
task function are run one after the other with Hydra's `run_job`. A script's runs have processes for themselves.

Long, because it stands for every step of a Hydra job.
"""

import math
import os
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobRuntime, JobStatus, configure_log, filter_overrides, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from hpsearch.cli import interrupt, mixing, task_function
from hpsearch.cli.compose import Composer, ValidatingLater, set_number, task_part
from hpsearch.cli.task_function import failure, overrides_of, typed_lines
from hpsearch.components.split import require_all_folds
from hpsearch.errors import NothingStarted, SweepError, reason_of, require
from hpsearch.record.file import configuration_key, write_text
from hpsearch.record.implied import DEFAULT
from hpsearch.record.scripts import is_script
from hpsearch.task.prepare import prepare

if TYPE_CHECKING:
    from hpsearch.script.surroundings import Job
    from hpsearch.task.train import EndedRun
    from hpsearch.workers.pool import Pool
    from hpsearch.workers.run import Outcome, Run, RunSource

MOST_LANES = 100_000
MOST_PROCESSES = 1024
SECONDS_TO_ANSWER = 3600.0  # of a process, for an epoch of nets
BY_ITSELF = "under hydra/launcher=stacked; hydra/launcher=basic runs each job by itself"


@dataclass
class StackedLauncherConf:
    """``hydra/launcher=stacked``."""

    _target_: str = "hpsearch.cli.launcher.StackedLauncher"
    lanes: int = 48  # runs trained beside each other, at most
    processes: int | None = None  # that train on the CPU; null: one a core, but no more than runs
    threads: int | None = None  # of each; null: the cores that are left over, if the nets are large
    timeout: float | None = None  # seconds in which a process must answer, for an epoch; null: 3600, a script any


ConfigStore.instance().store(group="hydra/launcher", name="stacked", node=StackedLauncherConf, provider="hpsearch")


class StackedLauncher(Launcher):
    """See the module's docstring."""

    hydra_cfg: DictConfig
    away = False  # True if the runs train on other machines
    part: str | None = None  # the part of a sweep that this process trains; None: all of it

    def __init__(
        self, lanes: int, processes: int | None = None, threads: int | None = None, timeout: float | None = None
    ) -> None:
        self.lanes, self.processes, self.threads, self.timeout = lanes, processes, threads, timeout

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Raises UsageError for settings that a stacked run cannot honour."""
        self.hydra_cfg, self._context, self._task_function = config, hydra_context, task_function
        self.sweep = Path(config.hydra.sweep.dir)
        self.stacks = is_ours(task_function)
        if self.stacks:
            self.check()
            if not is_script(config):
                _check_job_settings(config)
            self.composer = Composer(hydra_context.config_loader)
            hydra_context.config_loader = ValidatingLater(hydra_context.config_loader)
            self.job = self._job(config) if is_script(config) else None
            self._has_callbacks = len(config.hydra.callbacks) > 1  # than ours, which has none for a stacked run

    def check(self) -> None:
        """Raise UsageError for an option that is out of range."""
        require(self.lanes >= 1, "hydra.launcher.lanes", self.lanes, "at least 1")
        require(self.lanes <= MOST_LANES, "hydra.launcher.lanes", self.lanes, f"at most {MOST_LANES:,}")
        for key, value in (("processes", self.processes), ("threads", self.threads)):
            require(value is None or value >= 1, f"hydra.launcher.{key}", value, "at least 1, or null")
            require(
                value is None or value <= MOST_PROCESSES, f"hydra.launcher.{key}", value, f"at most {MOST_PROCESSES}"
            )
        valid = self.timeout is None or self.timeout > 0
        require(valid, "hydra.launcher.timeout", self.timeout, "a number of seconds above 0, or null")

    def open_pool(self, lanes: int, expected: int, runs: "Sequence[Run]") -> "Pool":
        """The workers of a sweep."""
        from hpsearch.workers.pool import MachinePool, Processes
        from hpsearch.workers.script_pool import ScriptPool

        scripts = is_script(self.hydra_cfg)
        timeout = self.timeout or (math.inf if scripts else SECONDS_TO_ANSWER)
        given = Processes(self.processes, self.threads, timeout, None if scripts else self.hydra_cfg.checkpoint)
        return (ScriptPool if scripts else MachinePool)(lanes, expected, runs, given)

    @property
    def room(self) -> int:
        """The number of runs that train beside each other, at most."""
        if self.job is None:
            return self.lanes
        from hpsearch.workers.script_pool import room

        return room(self.processes, self.lanes)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """After Ctrl-C only the runs that have ended are returned."""
        numbered = dict(enumerate(map(list, job_overrides), start=initial_job_idx))
        if not self.stacks:
            return [self._run_job(number, overrides) for number, overrides in numbered.items()]
        return self.launch_jobs(numbered)

    def launch_jobs(self, jobs: dict[int, list[str]], seeds: int = 1) -> list[JobReturn]:
        """Train the jobs, given by number as overrides; returns those that have ended, in order. seeds: as of
        `RunList`."""
        runs = self.prepare(jobs)  # first, because the import takes a second, and a fault must not wait for it
        from hpsearch.workers.run import RunList

        source = RunList(list(runs.items()), seeds)
        returns = {ended.number: returned for ended, returned in self.train(source, jobs)}
        return [returns[number] for number in jobs if number in returns]

    def prepare(self, jobs: Mapping[int, list[str]]) -> "dict[int, Run]":
        """The runs of jobs, by number. Raises UsageError with every fault; with ``plan=true`` prints the plan and
        raises NothingStarted."""
        hydra = self.hydra_cfg.hydra
        composed = ((self.compose(n, lines), overrides_of(hydra, lines)) for n, lines in jobs.items())
        runs = prepare(composed, self.sweep, self.away, complete=self.part is None, job=self.job)
        if hydra.sweeper.get("max_batch_size", 1) is None and self.part is None:  # Hydra's own sweeper: all jobs
            if not is_script(self.hydra_cfg):
                _check_folds(runs)
            mixing.check(self.sweep, runs, [*typed_lines(hydra, "task"), *typed_lines(hydra, "hydra")])
        if self.hydra_cfg.plan:
            from hpsearch.task import plan

            print("\n".join(plan.describe(runs, self.sweep, self.lanes, self.away)))
            raise NothingStarted
        return dict(zip(jobs, runs, strict=True))

    def train(self, source: "RunSource", overrides: Mapping[int, list[str]]) -> Iterator[tuple["EndedRun", JobReturn]]:
        """Train the runs of a source, whose overrides are known by number; yields each run as it ends."""
        from hpsearch.task.train import train_all

        def begins(number: int, folder: Path) -> None:
            if self._has_callbacks:
                with self._during(number, overrides[number], folder) as config:
                    self._context.callbacks.on_job_start(config=config, task_function=self._task_function)

        def before_record(number: int, folder: Path) -> None:
            if self.hydra_cfg.hydra.output_subdir is not None:
                self._write_files(number, overrides[number], folder / self.hydra_cfg.hydra.output_subdir)

        keep = "none" if self.job else self.hydra_cfg.weights
        with interrupt.listening("this epoch"):
            asked = interrupt.asked
            for ended in train_all(source, self.sweep, self.room, keep, asked, before_record, self.open_pool, begins):
                returned = job_return(overrides[ended.number], ended.folder, ended.outcome)
                if ended.trained and self._has_callbacks:
                    with self._during(ended.number, overrides[ended.number], ended.folder) as config:
                        returned.cfg, returned.hydra_cfg = task_part(config), config
                        self._context.callbacks.on_job_end(config=config, job_return=returned)
                    returned.cfg = returned.hydra_cfg = None  # thousands would fill the memory
                yield ended, returned

    def _job(self, config: DictConfig) -> "Job":
        """The surroundings of a script's runs."""
        from hpsearch.script.surroundings import Job

        return Job(pickle.dumps(OmegaConf.masked_copy(config, "hydra")), self._context.execution_whitelist)

    def compose(self, number: int, overrides: list[str]) -> DictConfig:
        """The configuration of a job. Raises UsageError for an override of Hydra's part, which all runs share."""
        for line in overrides:
            key, _, value = line.partition("=")
            require(not key.startswith("hydra."), key, value, f"the same for all jobs {BY_ITSELF}")
        config = self.composer.load_sweep_config(self.hydra_cfg, overrides)
        if "hydra" in config:
            set_number(config, number)
        return config

    @contextmanager
    def _during(self, number: int, overrides: list[str], folder: Path) -> Iterator[DictConfig]:
        """The whole configuration of a run as Hydra would have it during the job; inside, `HydraConfig` has it, too."""
        config = self.composer.load_whole_config(self.hydra_cfg, overrides)
        set_number(config, number)
        config.hydra.sweep.subdir, config.hydra.runtime.output_dir = folder.name, str(folder.absolute())
        before = HydraConfig.instance().cfg
        HydraConfig.instance().set_config(config)
        try:
            yield config
        finally:
            HydraConfig.instance().cfg = before

    def _write_files(self, number: int, overrides: list[str], folder: Path) -> None:
        """Write the files that Hydra writes into a job's ``.hydra``; ``multirun.yaml`` has Hydra's own part."""
        folder.mkdir(exist_ok=True)
        config = self.compose(number, overrides)
        task = task_part(config) if "hydra" in config else config
        write_text(folder / "config.yaml", OmegaConf.to_yaml(task))
        write_text(folder / "overrides.yaml", yaml.safe_dump(overrides, allow_unicode=True))

    def _run_job(self, number: int, overrides: list[str]) -> JobReturn:
        """Run a job of another task function, as Hydra's basic launcher does."""
        setup_globals()
        config = self._context.config_loader.load_sweep_config(self.hydra_cfg, overrides)
        set_number(config, number)
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
    """True for a task function of hpsearch, whose runs leave records: its own, and a script's."""
    return isinstance(function, task_function.Task)


def _check_job_settings(config: DictConfig) -> None:
    """Raise UsageError for settings that belong to a process, because stacked runs share one."""
    job = config.hydra.job
    require(not job.env_set, "hydra.job.env_set", dict(job.env_set), f"empty {BY_ITSELF}")
    require(not job.chdir, "hydra.job.chdir", "true", f"false {BY_ITSELF}")


def _check_folds(runs: "Sequence[Run]") -> None:
    """Raise UsageError if a configuration leaves out folds."""
    found: dict[str, tuple[Any, set[int]]] = {}
    for run in runs:
        _, seeds = found.setdefault(configuration_key(run.config), (run.config.get("split", DEFAULT), set()))
        seeds.add(run.config["seed"])
    for split, seeds in found.values():
        require_all_folds(split, seeds)


def job_return(overrides: Sequence[str], folder: Path, outcome: "Outcome") -> JobReturn:
    """What Hydra gets for a run. A SweepError is passed on as it is."""
    from hpsearch.task.outcome import value_of

    task_name = JobRuntime.instance().get("name")
    returned = JobReturn(overrides=filter_overrides(overrides), working_dir=os.getcwd(), task_name=task_name)
    if isinstance(outcome, Exception):
        failed = outcome if isinstance(outcome, SweepError) else failure(folder, reason_of(outcome))
        returned.status, returned.return_value = JobStatus.FAILED, failed
    else:
        returned.status, returned.return_value = JobStatus.COMPLETED, value_of(outcome)
    return returned
