"""The task function that Hydra calls for one run, and the one reader of Hydra's global configuration."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, read_write

from hpsearch.cli.storage_url import STORAGE
from hpsearch.errors import SweepError, UsageError, reason_of
from hpsearch.record.commands import flags
from hpsearch.record.file import read_done
from hpsearch.record.scripts import is_script
from hpsearch.script.function import Script, from_bytes
from hpsearch.task import plugins
from hpsearch.task.prepare import prepare

if TYPE_CHECKING:
    from hpsearch.workers.run import Run, RunSource

OF_THE_COMMAND = re.compile(r"hydra\.|trial=|\+*tracker[.=]")  # overrides that make no other run


@dataclass(frozen=True)
class Task:
    """What Hydra calls. script: that trains the runs; None: hpsearch's own nets are trained."""

    script: Script | None = None

    def __call__(self, cfg: DictConfig) -> float:
        return run(cfg)

    def __reduce__(self) -> tuple[Any, ...]:
        """With the script by value, because a launcher's worker may not import it."""
        return _task_of, (None if self.script is None else self.script.by_value(),)


def _task_of(script: bytes | None) -> Task:
    return Task(None if script is None else from_bytes(script))


def run(cfg: DictConfig) -> float:
    """Train one run and write its record into the job's folder; returns its validation metric.

    A run that has a record already is not trained again. Raises UsageError, and SweepError if the run fails.
    """
    hydra = HydraConfig.get()
    lines = typed_lines(hydra, "task")
    if not is_script(cfg):
        plugins.load(plugins.named(lines), Path(hydra.runtime.cwd))  # a launcher's process may be new
    with _no_output_folder(), _working_in(hydra.runtime.cwd):  # which paths of data belong to, wherever a job runs
        (run,) = prepare([(cfg, overrides_of(hydra, lines))])
    folder = Path(hydra.runtime.output_dir)
    from hpsearch.task import outcome, resume, train

    earlier = read_done(folder, run.key)
    if changed := resume.changed_since(earlier, run):
        print(f"the run in {folder} had other {changed}, and is trained again")
    elif earlier is not None:
        print(f"already in {folder}, not trained again")
        return outcome.result_of(earlier).value
    run = run.kept_in(folder)
    keep, seconds = ("none", None) if run.script else (cfg.weights, cfg.checkpoint)
    result = train.train(run, folder, keep, seconds, _trial(run, cfg, hydra.sweeper))
    if isinstance(result, Exception):
        raise failure(folder, reason_of(result)) from result
    return outcome.value_of(result)


@contextmanager
def _no_output_folder() -> Iterator[None]:
    """Inside, ${hydra:runtime.output_dir} is null: a run's folder bears the name of its identity, so it is no part."""
    runtime: Any = HydraConfig.get().runtime
    folder = runtime.output_dir
    with read_write(runtime):
        runtime.output_dir = "???"
        try:
            yield
        finally:
            runtime.output_dir = folder


@contextmanager
def _working_in(folder: str) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _trial(run: "Run", cfg: DictConfig, sweeper_cfg: Any) -> "RunSource | None":
    """The run as the trial of a search under another launcher, if it is one."""
    if cfg.trial is None:
        return None
    from hpsearch.search.trial_client import TrialClient

    if STORAGE not in os.environ:
        raise UsageError(
            [f"{STORAGE}: not in the environment of this worker; the launcher must hand the environment on"]
        )
    return TrialClient(run, cfg.trial, sweeper_cfg.study_name or cfg.name, sweeper_cfg, os.environ[STORAGE])


def typed_lines(hydra: Any, part: str) -> list[str]:
    """The overrides of a command as they were typed: of the task's part of the configuration, or of Hydra's."""
    lines: Any = OmegaConf.to_container(hydra.overrides, resolve=False)  # because a line may hold an interpolation
    return [str(line) for line in lines[part]]


def overrides_of(hydra: Any, task_overrides: Sequence[str]) -> list[str]:
    """The command line that repeats a run alone, behind ``python -m hpsearch``."""
    plain = {"overrides": {"hydra": typed_lines(hydra, "hydra")}, "runtime": hydra.runtime, "job": hydra.job}
    return [*flags(plain), *(line for line in task_overrides if not OF_THE_COMMAND.match(line))]


def failure(folder: Path, reason: str) -> SweepError:
    """The error of a run that failed, as a line."""
    return SweepError(
        [f"{folder}: the run failed: {reason}; its log has the traceback, the same command tries it again"]
    )
