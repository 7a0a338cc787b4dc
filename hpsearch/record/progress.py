"""How far a sweep has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hpsearch.record.reader import Runs

HOUR = 3600.0


@dataclass(frozen=True)
class Trials:
    """The trials of a study that count for its ``n_trials``. times: the ends of those that have ended, failed or not.

    running: worker -> how many trials it evaluates. dead: the same of workers that have ended.
    """

    times: list[float]
    pruned: int
    failed: int
    running: Mapping[str, int]
    dead: Mapping[str, int]


@dataclass(frozen=True)
class Progress:
    """What is known of a sweep at the time `now`.

    started: the time at which its last command began. ended: the time at which that command wrote the sweep's results.
    unbegun: the number of runs without a folder. n_trials, trials: of a search. command: the one that goes on.
    None stands for what is not known. notes: a line for each thing that could not be read.
    """

    folder: Path
    now: float
    runs: Runs
    started: float | None = None
    ended: float | None = None
    unbegun: int | None = None
    n_trials: int | None = None
    trials: Trials | None = None
    command: str | None = None
    notes: Sequence[str] = ()

    @property
    def times(self) -> list[float]:
        """The ends of trials, or of runs where there is no study."""
        return [run.time for run in self.runs.recorded] if self.trials is None else self.trials.times

    @property
    def failed(self) -> int:
        """The number of failed trials, or runs."""
        failed = sum(run.status == "failed" for run in self.runs.recorded)
        return failed if self.trials is None else self.trials.failed

    @property
    def total(self) -> int | None:
        """The number of trials, or runs, that there will be; None if that is not known."""
        if self.trials is not None:
            return self.n_trials
        return None if self.unbegun is None else len(self.runs) + self.unbegun

    @property
    def left(self) -> int:
        """The number of trials, or runs, that have not ended, as far as that is known."""
        without_record = len(self.runs) - len(self.runs.recorded)
        return without_record if self.total is None else max(0, self.total - len(self.times))

    @property
    def over(self) -> bool:
        """True if nothing is left, or if the command has ended before that."""
        return self.ended is not None or (not self.left and (self.total is not None or self.started is None))

    @property
    def an_hour(self) -> float:
        """How many ended in an hour, over the last hour, or since the command began if that is later."""
        begun = self.started if self.started is not None else min(self.times, default=self.now)
        since = max(begun, self.now - HOUR)
        return HOUR * sum(time >= since for time in self.times) / max(self.now - since, 1e-9)
