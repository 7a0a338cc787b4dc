"""Job arrays that a sweep has submitted, noted in its folder: ``tasks/<number>/`` has the logs of an array's tasks.

What submitit pickles is read by its own tasks alone; the driver reads states, logs and records.
"""

import json
import os
import re
import shutil
import signal
import socket
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.cli.array_task import COMPLETE, ArrayTask
from hpsearch.errors import UsageError
from hpsearch.record.file import write_whole

if TYPE_CHECKING:
    from submitit import Job

FOLDER = "tasks"
FILE = "submission.json"
ENDED_WITHOUT_RESULT = "NO PROCESS AND NO RESULT"  # state of a local job of another process


@dataclass(frozen=True)
class SubmittedTask:
    """A task of a job array. keys: of its runs; none for a task of a search."""

    job: "Job[None]"
    keys: frozenset[str]

    @property
    def id(self) -> str:
        """Of the cluster; locally that of a process."""
        return self.job.job_id

    @property
    def done(self) -> bool:
        """True if the task has ended, however."""
        if self._of_another_process:
            return not _alive(self.id)
        return self.job.done()

    @property
    def state(self) -> str:
        """In the cluster's words: PENDING, RUNNING, …"""
        return "RUNNING" if self._of_another_process and _alive(self.id) else self.job.state

    @property
    def log(self) -> Path:
        """The file of its errors."""
        return self.job.paths.stderr

    @property
    def reason(self) -> str:
        """Why it has failed, as a line: the last one of its log."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            return f"it left no log (state {self.state}): is the sweep's folder shared with the nodes?"
        told = [line.strip() for line in lines if line.strip() and not line.startswith("srun: ")]
        last = told[-1] if told else f"its state is {self.state}"
        return re.sub(r"^[\w.]+\.\w*Error: ", "", last)

    @property
    def complete(self) -> bool:
        """True if it has ended without a failure."""
        try:
            return COMPLETE in self.job.paths.stdout.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return False

    @property
    def _of_another_process(self) -> bool:
        return self.job.state == ENDED_WITHOUT_RESULT


def _alive(process: str) -> bool:
    """True if a local task's process still runs."""
    try:
        os.kill(int(process), 0)
        words = Path("/proc", process, "cmdline").read_bytes()
    except FileNotFoundError:
        return not Path("/proc/self").exists()  # no Linux: the number alone tells
    except OSError:
        return False
    return b"submitit" in words  # the number may be another process's by now


def living(sweep: Path) -> list[SubmittedTask]:
    """The tasks of a sweep that have not ended."""
    return [task for file in sorted((sweep / FOLDER).glob(f"*/{FILE}")) for task in _noted(file) if not task.done]


def new_folder(sweep: Path) -> Path:
    """An empty folder for a submission."""
    taken = [int(path.name) for path in (sweep / FOLDER).glob("*") if path.name.isdecimal()]
    folder = sweep / FOLDER / str(max(taken, default=-1) + 1)
    folder.mkdir(parents=True)
    return folder


def named(tasks: Sequence[SubmittedTask], executor: str) -> str:
    """Tasks as the cluster names them."""
    ids = _ids(tasks)
    kind = "job" if executor == "slurm" else "process" if len(ids) == 1 else "processes"
    return f"{kind} {', '.join(ids)}"


def cancel_command(tasks: Sequence[SubmittedTask], executor: str) -> str:
    """The command that ends tasks."""
    return " ".join(["scancel" if executor == "slurm" else "kill", *_ids(tasks)])


def _ids(tasks: Sequence[SubmittedTask]) -> list[str]:
    """The ids of their job arrays."""
    return list(dict.fromkeys(task.id.partition("_")[0] for task in tasks))


def submit(
    folder: Path, executor: str, parameters: Mapping[str, Any], tasks: Sequence[tuple[ArrayTask, Collection[str]]]
) -> list[SubmittedTask]:
    """Submit tasks, each with the keys of its runs, as one job array. folder: for its files.

    Raises UsageError with the cluster's own message; then nothing of the folder stays.
    """
    from submitit import AutoExecutor

    said = StringIO()
    try:
        with redirect_stderr(said), _not_interrupted(executor):
            array = AutoExecutor(folder, cluster=executor)
            array.update_parameters(**parameters)
            jobs = array.submit_array([task for task, _ in tasks])
    except Exception as error:  # of many types: of sbatch, of values, of pickling
        shutil.rmtree(folder)
        with suppress(OSError):  # it holds other submissions
            folder.parent.rmdir()
        reason = _said(said.getvalue() or str(error))
        raise UsageError([f"hydra/launcher=slurm: nothing was submitted: {reason}"]) from error
    submitted = [SubmittedTask(job, frozenset(keys)) for job, (_, keys) in zip(jobs, tasks, strict=True)]
    noted = [{"id": task.id, "keys": sorted(task.keys)} for task in submitted]
    text = json.dumps({"executor": executor, "host": socket.gethostname(), "tasks": noted})
    write_whole(folder / FILE, text.encode())
    return submitted


def _said(text: str) -> str:
    """The messages of sbatch as a line."""
    lines = [re.sub(r"^sbatch: (error: )?", "", line.strip()) for line in text.splitlines() if line.strip()]
    return "; ".join(dict.fromkeys(lines)) or "no reason was given"


def _noted(file: Path) -> list[SubmittedTask]:
    """The tasks of a submission; none of a local one of another machine, whose processes cannot be seen."""
    from submitit import Job, LocalJob, SlurmJob

    found = json.loads(file.read_text(encoding="utf-8"))
    if found["executor"] == "local" and found["host"] != socket.gethostname():
        return []
    kind: type[Job[None]] = SlurmJob if found["executor"] == "slurm" else LocalJob
    return [SubmittedTask(kind(file.parent, task["id"]), frozenset(task["keys"])) for task in found["tasks"]]


@contextmanager
def _not_interrupted(executor: str) -> Iterator[None]:
    """Inside, processes begin that Ctrl-C does not reach, because local tasks go on without their driver."""
    if executor != "local" or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
