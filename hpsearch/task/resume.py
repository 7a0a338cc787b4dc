"""No run is trained twice: a run with a record is done, and a run that is asked for twice waits for the first.

A record of other data is not the run's: the run is trained anew, which a line says.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from pathlib import Path

from hpsearch.engine.result import History, Result
from hpsearch.formatting import count
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
        self._other_code = 0  # runs that are kept although the script has changed

    def next_runs(self, free: int) -> Sequence[tuple[int, Run | Result]]:
        asked = self._source.next_runs(free)
        new: list[tuple[int, Run | Result]] = []
        changes: list[str] = []
        for number, run in asked:
            assert isinstance(run, Run)
            self._keys[number] = run.key
            if run.key not in self._places:
                self._places[run.key] = self._place(run, number, changes)
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
        for line in lines_of(changes, self._sweep):
            print(line, flush=True)
        if self._other_code:
            runs, self._other_code = count(self._other_code, "run"), 0
            print(f"{runs} in {self._sweep} came from other code of the script, kept; another name=… trains all anew")
        return new

    @property
    def resting(self) -> Collection[int]:
        return self._source.resting

    def prune(self, histories: Mapping[int, History], training: Set[int]) -> Collection[int]:
        return self._source.prune(histories, training)

    def folder(self, number: int) -> Path:
        """The folder of a run."""
        return self._places[self._keys[number]]

    def _place(self, run: Run, number: int, changes: list[str]) -> Path:
        """The folder of a run, made if it has to be trained. Notes the result of one that is done, or in `changes` what
        has changed since."""
        key = run.key
        name, record = self._folders.find(key, number)
        if changed := changed_since(record, run):
            changes.append(changed)
        if earlier := earlier_result(record, run, self.adaptive):
            self._done[key] = earlier
            self._other_code += other_code(record, run)
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


def earlier_result(record: Record | None, run: Run, adaptive: bool) -> Result | None:
    """The result of a run that has a record; None if it has to be trained, also because its data have changed.

    A grid trains pruned runs anew; a search, which is adaptive, keeps them.
    """
    again = ("failed",) if adaptive else ("failed", "pruned")
    if record is None or record["status"] in again or changed_since(record, run):
        return None
    return result_of(record)


def changed_since(record: Record | None, run: Run) -> str:
    """The data, if they are not those of the run's record any more; else empty.

    Records of older versions do not say, and count as equal. Changed code of the user's makes another run.
    """
    if record is None:
        return ""
    data = run.content.get("data")  # a script has none; its code may change, as `other_code` says
    return f"content of data={run.config['data']['name']}" if record["environment"].get("data", data) != data else ""


def other_code(record: Record | None, run: Run) -> bool:
    """True if a record that counts was made by other code of a script."""
    code = run.content.get("code")
    return record is not None and record["environment"].get("code", code) != code


def lines_of(changes: Iterable[str], sweep: Path) -> list[str]:
    """A line for each change since runs were trained. changes: of each run, as `changed_since` names them."""
    counted = Counter(changes).items()
    return [
        f"{count(runs, 'run')} in {sweep} had other {changed}, and {'is' if runs == 1 else 'are'} trained again"
        for changed, runs in counted
    ]
