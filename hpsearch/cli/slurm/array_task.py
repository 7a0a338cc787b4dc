"""A task of a job array, on its node: the command of its sweep, restricted to a part of it.

A part of a grid is a file with jobs. A part of a search is a process more that drives its study.
"""

import json
import multiprocessing
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hpsearch.cli import command, interrupt
from hpsearch.errors import FaultError, UsageError
from hpsearch.record.commands import flags, override
from hpsearch.record.file import write_whole
from hpsearch.record.scripts import SCRIPT, script_path
from hpsearch.script.function import imported

COMPLETE = "the task is complete"  # in the output of a task without a failure
OF_THE_DRIVER = re.compile(r"\+*hydra\.(mode|sweep\.dir|launcher\.(part|wait))=")


class Stopped(BaseException):
    """Ends the process of a task without a result, because the cluster may begin the task again."""


class TaskError(Exception):
    """The reason why a task has failed, as the last line of its log."""


@dataclass(frozen=True)
class ArrayTask:
    """Called on the node. submitit pickles it by the name of its class, so that the file holds only texts.

    arguments: of the command. sweep: the folder of the sweep. script: the path of a user's script and its name in
    records.
    """

    arguments: list[str]
    sweep: str
    script: tuple[str, str] | None = None

    def __call__(self) -> None:
        """Raises TaskError if a run or trial has failed, so that the cluster calls the task failed.

        A signal lets the epoch end. Then a preempted task is requeued, and a cancelled one ends.
        """
        from submitit import JobEnvironment

        if not (Path(self.sweep) / "multirun.yaml").is_file():
            raise TaskError(f"{self.sweep}: no multirun.yaml here; the sweep's folder must be shared with the nodes")
        Plugins.instance().register(GivenJobs)
        preempted: int = getattr(signal, f"SIG{JobEnvironment.USR_SIG}")
        signal.signal(signal.SIGTERM, _stop)  # at once, unless runs are in training
        faults: list[str] = []
        with interrupt.enabled({preempted, signal.SIGTERM}):
            try:
                command.run(self.arguments, None if self.script is None else imported(*self.script))
            except FaultError as error:
                faults = error.faults
        for child in multiprocessing.active_children():  # of a fault in the middle
            child.kill()
        if preempted in interrupt.received():
            signal.raise_signal(preempted)  # submitit requeues the task and ends this process
        if interrupt.received():
            _stop()
        for fault in faults:
            print(f"error: {fault}", file=sys.stderr, flush=True)
        if faults:
            raise TaskError("; ".join(faults))
        print(COMPLETE, flush=True)

    def checkpoint(self) -> Any:
        """What submitit requeues: the same task, because runs with a record are done."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _stop(*_: object) -> NoReturn:
    raise Stopped("ended from outside, with SIGTERM")


def of_grid(hydra_cfg: DictConfig, file: Path) -> ArrayTask:
    """The task that trains the jobs in a file."""
    given = f"{GivenJobs.__module__}.{GivenJobs.__name__}"
    return _task(hydra_cfg, hydra_cfg.hydra.overrides.hydra, file, f"hydra.sweeper._target_={given}")


def of_search(hydra_cfg: DictConfig, folder: Path, study: str) -> ArrayTask:
    """The task that works on a study. The storage's URL is in its environment, because of the password."""
    typed = [line for line in hydra_cfg.hydra.overrides.hydra if not re.match(r"\+*hydra\.sweeper\.storage=", line)]
    return _task(hydra_cfg, typed, folder, override("hydra.sweeper.study_name", study))


def _task(hydra_cfg: DictConfig, typed: Sequence[str], part: Path, *more: str) -> ArrayTask:
    hydra, sweep = hydra_cfg.hydra, str(Path(hydra_cfg.hydra.sweep.dir).absolute())
    own = [override("hydra.sweep.dir", sweep), override("hydra.launcher.part", str(part.absolute()))]
    kept = [line for line in typed if not OF_THE_DRIVER.match(line)]
    path, script = script_path(hydra_cfg), None
    if path is not None:
        script = (path if path.startswith("-m ") else str(Path(path).absolute())), str(hydra_cfg[SCRIPT]["name"])
    return ArrayTask(["-m", *flags(hydra), *kept, *hydra.overrides.task, *own, *more], sweep, script)


def write_jobs(file: Path, jobs: Mapping[int, list[str]], seeds: int) -> None:
    """Write the jobs of a task. seeds: the most seeds that a configuration has in the whole grid."""
    write_whole(file, json.dumps({"seeds": seeds, "jobs": jobs}).encode())


class GivenJobs(Sweeper):
    """Takes the place of a grid's sweeper in a task: launches the jobs of a file, and composes no others."""

    def __init__(self, **sweeper_cfg: Any) -> None:
        pass

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.launcher: Any = Plugins.instance().instantiate_launcher(
            config=config, hydra_context=hydra_context, task_function=task_function
        )

    def sweep(self, arguments: list[str]) -> None:
        """Raises SweepError if a run has failed."""
        file = Path(self.launcher.part)
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError([f"{file}: cannot be read here; the sweep's folder must be shared"]) from error
        jobs = {int(number): lines for number, lines in found["jobs"].items()}
        for returned in self.launcher.launch_jobs(jobs, found["seeds"]):
            _ = returned.return_value  # raises the failure of the run
