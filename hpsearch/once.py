"""No run is trained twice: one with a record is done, one that is asked for twice waits for the first."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from omegaconf import DictConfig

from hpsearch import record, results
from hpsearch.build import Job
from hpsearch.engine import History, Result
from hpsearch.lanes import Outcome


class Jobs(Protocol):
    """Where the jobs of a task come from and who prunes them: a `hpsearch.lanes.Feed` of jobs.

    runs: how many there will be. searching: whether the record of a pruned run stands.
    """

    runs: int
    searching: bool

    def next(self, free: int) -> Sequence[tuple[int, Job]]: ...
    def prune(self, histories: Mapping[int, History]) -> Collection[int]: ...


@dataclass(frozen=True)
class Ended:
    """A job that is done. `body` is what is left of the task: called as the job, with Hydra's configuration of it in
    place, it writes the record and returns the value. None: an earlier record stands."""

    number: int
    folder: str
    outcome: Outcome
    body: Callable[[DictConfig], float] | None

    @property
    def value(self) -> float:
        """The validation accuracy, nan where there is none."""
        return self.outcome.history.val_accuracy[-1] if isinstance(self.outcome, Result) else math.nan


class TrainedOnce:
    """A feed for `hpsearch.lanes.train` of a task's jobs. Each run that is to be trained gets its folder at once, so
    that a report knows of runs that are missing."""

    def __init__(self, jobs: Jobs, sweep: Path) -> None:
        self.runs, self.searching = jobs.runs, jobs.searching
        self._jobs, self._sweep, self._folders = jobs, sweep, record.Folders(sweep)
        self._keys: dict[int, str] = {}
        self._done: dict[str, Result] = {}
        self._training: dict[str, tuple[Job, list[int]]] = {}  # key -> the run, the numbers that ask for it

    def next(self, free: int) -> Sequence[tuple[int, Job | Result]]:
        asked = self._jobs.next(free)
        new: list[tuple[int, Job | Result]] = []
        for number, job in asked:
            self._keys[number] = job.key
            folder = self._sweep / self._folders.name(job.key, number)
            if job.key not in self._done and (earlier := self._earlier(folder, job.key)):
                self._done[job.key] = earlier
            if job.key in self._done:
                new.append((number, self._done[job.key]))
            elif job.key in self._training:
                self._training[job.key][1].append(number)
            else:
                folder.mkdir(parents=True, exist_ok=True)
                self._training[job.key] = job, [number]
                new.append((number, job))
        done = sum(isinstance(work, Result) for _, work in new)
        if done and not self._jobs.searching:
            print(f"{done} of {len(asked)} runs are already in {self._sweep}", flush=True)
        return new

    def _earlier(self, folder: Path, key: str) -> Result | None:
        entry = record.read_done(folder, key)
        if entry is None or (entry["status"] == "pruned" and not self._jobs.searching):
            return None
        return results.result_of(entry)

    def prune(self, histories: Mapping[int, History]) -> Collection[int]:
        return self._jobs.prune(histories)

    def ended(self, number: int, outcome: Outcome) -> Iterator[Ended]:
        """This job, and those that have waited for it."""
        key = self._keys[number]
        folder = self._folders.name(key, number)
        if key not in self._training:
            yield Ended(number, folder, outcome, None)
            return
        if isinstance(outcome, Result):
            self._done[key] = outcome
        job, numbers = self._training.pop(key)
        yield Ended(number, folder, outcome, partial(results.deliver, job, outcome))
        for waited in numbers[1:]:
            yield Ended(waited, folder, outcome, None)
