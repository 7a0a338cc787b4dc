"""No run is trained twice: a run with a record is done, and a run that is asked for twice waits for the first."""

from collections.abc import Collection, Mapping, Sequence, Set
from pathlib import Path

from hpsearch.engine.result import History, Result
from hpsearch.record.folders import Folders
from hpsearch.record.shape import Record
from hpsearch.task.candidates import Candidates
from hpsearch.task.outcome import result_of
from hpsearch.workers.run import CHECKPOINT, Outcome, Run, RunSource


class ResumedSource:
    """The runs of another source; those that have a record in `sweep` come as results.

    A run that has to be trained gets its folder at once, so that a report knows of missing runs.
    """

    def __init__(self, source: RunSource, sweep: Path, candidates: Candidates | None = None) -> None:
        """candidates: is told of each run that has to be trained."""
        self.expected, self.adaptive, self.seeds = source.expected, source.adaptive, source.seeds
        self._candidates = candidates
        self._source, self._sweep, self._folders = source, sweep, Folders(sweep, shared=source.adaptive)
        self._keys: dict[int, str] = {}  # by number
        self._places: dict[str, Path] = {}  # key -> folder
        self._done: dict[str, Result] = {}
        self._training: dict[str, tuple[Run, list[int]]] = {}  # key -> the run, the numbers that ask for it

    def next_runs(self, free: int) -> Sequence[tuple[int, Run | Result]]:
        asked = self._source.next_runs(free)
        new: list[tuple[int, Run | Result]] = []
        for number, run in asked:
            assert isinstance(run, Run)
            self._keys[number] = run.key
            if run.key not in self._places:
                self._places[run.key] = self._place(run.key, number)
            if run.key in self._done:
                new.append((number, self._done[run.key]))
            elif run.key in self._training:
                self._training[run.key][1].append(number)
            else:
                kept = run.kept_in(self.folder(number))
                self._training[run.key] = kept, [number]
                if self._candidates:
                    self._candidates.begins(kept)
                new.append((number, kept))
        done = sum(isinstance(run, Result) for _, run in new)
        if done and not self.adaptive:
            print(f"{done} of {len(asked)} runs are already in {self._sweep}", flush=True)
        return new

    @property
    def resting(self) -> Collection[int]:
        return self._source.resting

    def prune(self, histories: Mapping[int, History], training: Set[int]) -> Collection[int]:
        return self._source.prune(histories, training)

    def folder(self, number: int) -> Path:
        """The folder of a run."""
        return self._places[self._keys[number]]

    def _place(self, key: str, number: int) -> Path:
        """The folder of a run, made if it has to be trained. Notes the result of one that is done."""
        name, record = self._folders.find(key, number)
        if earlier := earlier_result(record, self.adaptive):
            self._done[key] = earlier
            (self._sweep / name / CHECKPOINT).unlink(missing_ok=True)  # of a process that was killed then
            return self._sweep / name
        return self._folders.make(key, number)

    def ended(self, number: int, outcome: Outcome) -> tuple[Run | None, list[int]]:
        """Note the end of a run. Returns the run, None if it came from a record, and the numbers that asked for it."""
        key = self._keys[number]
        if key not in self._training:
            return None, [number]
        if isinstance(outcome, Result):
            self._done[key] = outcome
        return self._training.pop(key)


def earlier_result(record: Record | None, adaptive: bool) -> Result | None:
    """The result of a run that has a record; None if it has to be trained. A grid trains pruned runs anew; a search,
    which is adaptive, keeps them."""
    again = ("failed",) if adaptive else ("failed", "pruned")
    return None if record is None or record["status"] in again else result_of(record)
