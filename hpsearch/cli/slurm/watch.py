"""Wait for the tasks of a job array, and show how far they are: a live bar on a terminal, plain lines elsewhere."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from hpsearch.cli.slurm.submitted_task import SubmittedTask
from hpsearch.formatting import count
from hpsearch.record.file import FILE
from hpsearch.record.folders import FOLDER, run_folders
from hpsearch.workers.progress import SECONDS_BETWEEN_LINES

SECONDS_BETWEEN_QUESTIONS = 60.0  # to the cluster
SECONDS_BETWEEN_LOOKS = {"local": 0.2, "slurm": 5.0}  # at records and states, by executor


def wait(tasks: Sequence[SubmittedTask], executor: str, runs: int, ended: Callable[[], int]) -> None:
    """Wait until all tasks have ended. runs: that they train. ended: gives how many of them have a record."""
    console, said, said_at, asked_at = Console(), "", 0.0, time.monotonic()
    columns = TextColumn("{task.description}"), BarColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        shown = bar.add_task("", total=runs)
        left = list(tasks)
        while left := [task for task in left if not task.done]:
            done = ended()
            text = f"{done}/{count(runs, 'run')}, {states(left)}"
            bar.update(shown, description=text, completed=done)
            if not console.is_terminal and text != said and time.monotonic() - said_at > SECONDS_BETWEEN_LINES:
                print(text, flush=True)
                said, said_at = text, time.monotonic()
            time.sleep(SECONDS_BETWEEN_LOOKS[executor])
            if time.monotonic() - asked_at > SECONDS_BETWEEN_QUESTIONS:
                left[0].ask_cluster()
                asked_at = time.monotonic()


def states(tasks: Sequence[SubmittedTask]) -> str:
    """The states of tasks: 3 tasks (2 running, 1 pending)."""
    found = Counter(task.state.lower() for task in tasks)
    return f"{count(len(tasks), 'task')} ({', '.join(f'{number} {state}' for state, number in found.items())})"


class NewRecords:
    """The runs of some keys whose record is written after this object was made. One that is there already, because the
    run has failed before, does not count."""

    def __init__(self, sweep: Path, keys: Collection[str]) -> None:
        self._sweep, self._waiting = sweep, {key[:8]: key for key in keys}
        self._before = self._times()
        self._ended = 0

    def count(self) -> int:
        """The number of runs that have ended."""
        for short, time_written in self._times().items():
            if time_written != self._before.get(short):
                del self._waiting[short]
                self._ended += 1
        return self._ended

    def missing(self) -> set[str]:
        """The keys of the runs that have not ended."""
        self.count()
        return set(self._waiting.values())

    def _times(self) -> dict[str, int]:
        """When each record was written, by the hash in the name of its folder."""
        times: dict[str, int] = {}
        for name in run_folders(self._sweep) if self._sweep.is_dir() else ():
            match = FOLDER.fullmatch(name)
            if match and match["hash"] in self._waiting:
                with suppress(OSError):
                    times[match["hash"]] = (self._sweep / name / FILE).stat().st_mtime_ns
        return times
