"""A task of a job array as the driver sees it: its state, and how it has ended.

What submitit pickles is read on the nodes alone; the driver reads states, logs and records.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.cli.slurm.array_task import COMPLETE

if TYPE_CHECKING:
    from submitit import Job

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

    def ask_cluster(self) -> None:
        """Ask for the states of all tasks now. Otherwise submitit asks ever more rarely."""
        self.job.done(force_check=True)

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
            causes = "the sweep's folder is not shared with the nodes, or hydra.launcher.setup failed"
            return f"it left no log (state {self.state}), because {causes}"
        told = [line.strip() for line in lines if line.strip() and not line.startswith("srun: ")]
        last = told[-1] if told else f"its log is empty (state {self.state})"
        return re.sub(r"^[\w.]+\.\w+: ", "", last)

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
