"""Job arrays that a sweep has submitted, noted in its folder: ``tasks/<number>/`` has the logs of an array's tasks."""

import json
import os
import re
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr, suppress
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.cli.slurm.array_task import ArrayTask
from hpsearch.cli.slurm.submitted_task import SubmittedTask
from hpsearch.errors import UsageError
from hpsearch.record.file import write_whole

if TYPE_CHECKING:
    pass

FOLDER = "tasks"
FILE = "submission.json"


def submissions(sweep: Path) -> list[list[SubmittedTask]]:
    """The tasks of each job array of a sweep, the latest last."""
    files = sorted((sweep / FOLDER).glob(f"*/{FILE}"), key=lambda file: int(file.parent.name))
    return [_noted(file) for file in files]


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
        with redirect_stderr(said), _apart(folder) if executor == "local" else nullcontext():
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
def _apart(folder: Path) -> Iterator[None]:
    """Inside, processes begin that outlive this command: Ctrl-C does not reach them, and they write into `folder`, not
    to a pipe whose reader would wait for them."""
    main = threading.current_thread() is threading.main_thread()  # signals are the main thread's
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    sys.stdout.flush()
    streams = {number: os.dup(number) for number in (1, 2)}
    try:
        with (folder / "processes.log").open("ab") as log:
            for number in streams:
                os.dup2(log.fileno(), number)
        yield
    finally:
        for number, stream in streams.items():
            os.dup2(stream, number)
            os.close(stream)
        if main:
            signal.signal(signal.SIGINT, before)
