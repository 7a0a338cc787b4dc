"""The configurations that may still win a sweep: their weights are kept, those of the others removed at once."""

from contextlib import suppress
from math import isnan
from pathlib import Path
from statistics import fmean

from hpsearch.engine.result import Result
from hpsearch.record.data_set import mark_of
from hpsearch.record.file import number, read_record
from hpsearch.record.folders import run_folders
from hpsearch.record.measure import Measure
from hpsearch.record.shape import Record
from hpsearch.record.swept import configuration_of
from hpsearch.task import weights
from hpsearch.workers.run import Outcome, Run

Group = tuple[str, str, int]  # data set, metric and its sign: values compare only within a group
Rank = tuple[bool, float]  # True if no seed has diverged; the mean on validation, with the sign; more is better


class Candidates:
    """Knows the ended runs of a sweep.

    A configuration may win until it is complete, that is all its seeds have ended, and another complete one is better.
    The report judges in the same way: a diverged seed loses against none, then the mean on validation counts. A failed
    run has not ended, because the same command trains it again.
    """

    def __init__(self, sweep: Path, seeds: int) -> None:
        """Reads the records that the sweep has. seeds: that each configuration is to have, at least."""
        self._seeds = seeds
        self._open: dict[str, int] = {}  # the runs that have not ended, by configuration
        self._ended: dict[str, dict[int, tuple[str, float]]] = {}  # configuration -> seed -> status, value
        self._folders: dict[str, set[Path]] = {}  # that may have weights
        self._ranks: dict[Group, dict[str, Rank]] = {}  # of complete configurations
        self._best: dict[Group, Rank] = {}
        for name in run_folders(sweep) if sweep.is_dir() else []:
            record = read_record(sweep / name)
            with suppress(KeyError, TypeError, ValueError):  # of a record that the report leaves out, too
                if record is not None and record["status"] != "failed":
                    self._note_record(sweep / name, record)

    def begins(self, run: Run) -> None:
        """A run is asked for that has no record."""
        name = configuration_of({"config": run.config})
        self._open[name] = self._open.get(name, 0) + 1
        self._rank(name, _group(run))

    def ended(self, run: Run, folder: Path, outcome: Outcome) -> None:
        """A run that began has ended. Removes the weights of configurations that cannot win any more."""
        name, group = configuration_of({"config": run.config}), _group(run)
        self._open[name] -= 1
        if isinstance(outcome, Result):
            self._folders.setdefault(name, set()).add(folder)
            self._ended.setdefault(name, {})[run.config["seed"]] = outcome.status, outcome.value
            self._rank(name, group)
            self._remove(name, group)

    def _note_record(self, folder: Path, record: Record) -> None:
        measure, config = Measure.of(record), record["config"]
        value = number(record["metrics"][measure.val])
        name = configuration_of(record)
        self._ended.setdefault(name, {})[config["seed"]] = record["status"], value
        if (folder / weights.WEIGHTS).exists():
            self._folders.setdefault(name, set()).add(folder)
        self._rank(name, (mark_of(record), measure.name, measure.sign))

    def _rank(self, name: str, group: Group) -> None:
        """Rank a configuration anew."""
        ranks, runs = self._ranks.setdefault(group, {}), self._ended.get(name, {}).values()
        before = ranks.pop(name, None)
        values = [value for status, value in runs if status == "finished" and not isnan(value)]
        if values and len(runs) >= self._seeds and not self._open.get(name):
            ranks[name] = all(status != "diverged" for status, _ in runs), group[2] * fmean(values)
            self._best[group] = max(ranks[name], self._best.get(group, ranks[name]))
        if before is not None and before == self._best[group] and ranks.get(name) != before:
            self._best[group] = max(ranks.values(), default=(False, float("-inf")))

    def _remove(self, name: str, group: Group) -> None:
        """Remove the weights of a configuration that is worse than the best, or of those that it is better than."""
        ranks, best = self._ranks[group], self._best.get(group)
        for other in [name] if ranks.get(name) != best else list(self._folders):
            if best is not None and other in ranks and ranks[other] < best:
                for folder in self._folders.pop(other, ()):
                    weights.remove(folder)


def _group(run: Run) -> Group:
    return mark_of({"config": run.config}), run.metric.name, run.metric.sign
