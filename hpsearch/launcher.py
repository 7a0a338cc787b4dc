"""Hydra launcher `stacked`: a batch of jobs becomes stacks that are trained as one program each.

A task that offers ``run_many`` gets all its jobs at once and yields each as it ends; only then does Hydra run
that job, whose body writes the record. So every job has its own folder, log, callbacks and `JobReturn`, and a
folder appears when its run is done. Any other task is run job by job, as Hydra's basic launcher does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hpsearch.check import checked
from hpsearch.compose import Composer
from hpsearch.jobs import Jobs, earlier_return
from hpsearch.ranges import require
from hpsearch.usage import exit_on_write_error, exit_on_wrong_usage


@dataclass
class StackedLauncherConf:
    """``hydra/launcher=stacked``."""

    _target_: str = "hpsearch.launcher.StackedLauncher"
    lanes: int = 48  # runs trained beside each other, at most


ConfigStore.instance().store(group="hydra/launcher", name="stacked", node=StackedLauncherConf, provider="hpsearch")


class StackedLauncher(BasicLauncher):
    """See the module's docstring."""

    def __init__(self, lanes: int) -> None:
        super().__init__()
        with exit_on_wrong_usage():
            require(lanes >= 1, "hydra.launcher.lanes", lanes, "at least 1")
        self.lanes = lanes

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        self.composer = Composer(hydra_context.config_loader)
        if hasattr(task_function, "run_many"):  # the sweeper composes every job to validate it, through this context
            hydra_context.config_loader = self.composer  # type: ignore[assignment]

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        run_many = getattr(self.task_function, "run_many", None)
        if run_many is None:
            return super().launch(job_overrides, initial_job_idx)
        numbers = range(initial_job_idx, initial_job_idx + len(job_overrides))
        configs = {
            number: self.compose(number, overrides) for number, overrides in zip(numbers, job_overrides, strict=True)
        }
        if self.config is not None and self.config.get("plan"):
            with exit_on_wrong_usage():
                from hpsearch import plan

                print("\n".join(plan.describe(checked(list(configs.values()), self.sweep), self.sweep, self.lanes)))
                raise SystemExit(0)
        ended = run_many(list(configs.values()), numbers, self.sweep, self.lanes)
        returns = {each.number: returned for each, returned in self.run_jobs(ended, configs)}
        return [returns[number] for number in numbers if number in returns]  # not all: after Ctrl-C

    @property
    def sweep(self) -> Path:
        """The sweep's folder."""
        assert self.config is not None
        return Path(self.config.hydra.sweep.dir)

    def compose(self, number: int, overrides: Sequence[str]) -> DictConfig:
        """The whole configuration of a job."""
        assert self.config is not None
        config = self.composer.take(self.config, list(overrides))
        config.hydra.job.id, config.hydra.job.num = str(number), number
        return config

    def run_jobs(self, stream: Iterable[Any], configs: Mapping[int, DictConfig]) -> Iterator[tuple[Any, JobReturn]]:
        """What is left of each job of a stream of `once.Ended`: its folder, log, callbacks, record."""
        assert self.config is not None
        assert self.hydra_context is not None
        setup_globals()
        jobs = Jobs(self.hydra_context)
        hydra = self.config.hydra
        whitelist = self.hydra_context.execution_whitelist
        configure_log(hydra.hydra_logging, hydra.verbose, execution_whitelist=whitelist)
        try:
            for ended in stream:
                config = configs[ended.number]
                config.hydra.sweep.subdir = ended.folder
                if ended.body is None:
                    yield ended, earlier_return(config, ended.value)
                else:
                    folder = self.sweep / ended.folder
                    with exit_on_write_error(folder):
                        yield ended, jobs.run(config, folder, ended.body)
        finally:
            configure_log(hydra.hydra_logging, hydra.verbose, execution_whitelist=whitelist)
