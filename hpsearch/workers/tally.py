"""The progress of training in numbers: runs, the share of the work that is done, the best configuration so far."""

import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

from hpsearch.components.metric import Metric
from hpsearch.engine.result import History, Result
from hpsearch.formatting import count, inert, number_text, percent
from hpsearch.record.measure import Measure, title_of
from hpsearch.workers.run import Outcome, Run

SURE_AFTER = 5  # ended runs count as much as the epochs that were asked for
LONGEST = 60  # characters of a configuration


@dataclass
class Configuration:
    """The runs of one configuration. values: of the metric, by number of the run, in its last epoch so far."""

    overrides: frozenset[str]
    values: dict[int, float] = field(default_factory=dict)


class Tally:
    """Counts the runs of a sweep. expected: how many there will be, as far as that is known."""

    def __init__(self, expected: int) -> None:
        self._expected, self._begun = expected, 0
        self.metric: Metric | Measure | None = None
        self.statuses: Counter[str] = Counter()  # of the runs that have ended
        self._epochs: dict[int, int] = {}  # asked for, by number of a run that has not ended
        self._done: dict[int, int] = {}  # epochs of such a run
        self._took: list[tuple[int, int]] = []  # epochs trained and asked for, of each run that has ended
        self._configurations: dict[frozenset[str], Configuration] = {}
        self._of: dict[int, Configuration] = {}
        self._common: frozenset[str] | None = None  # overrides of all runs
        self._share = 0.0

    def begin(self, index: int, run: Run) -> None:
        """Count a run that has to be trained."""
        self.metric, self._begun = run.metric, self._begun + 1
        self._epochs[index] = run.lane.epochs
        overrides = frozenset(line for line in run.overrides if not line.lstrip("+").startswith("seed="))
        self._common = overrides if self._common is None else self._common & overrides
        self._of[index] = self._configurations.setdefault(overrides, Configuration(overrides))

    def known(self, status: str) -> None:
        """Count a run that had ended before."""
        self._begun += 1
        self.statuses[status] += 1
        self._took.append((1, 1))

    def epoch(self, histories: Mapping[int, History]) -> None:
        """Note the histories so far of runs in training."""
        for index, history in histories.items():
            self._done[index] = len(history.train_loss)
            if isfinite(value := history.val_metric[-1]):
                self._of[index].values[index] = value
            else:
                self._of[index].values.pop(index, None)

    def ended(self, index: int, outcome: Outcome) -> None:
        """Count a run that has ended."""
        trained = len(outcome.history.train_loss) if isinstance(outcome, Result) else self._done.get(index, 0)
        self.statuses[outcome.status if isinstance(outcome, Result) else "failed"] += 1
        self._took.append((trained, self._epochs.pop(index)))
        self._done.pop(index, None)
        del self._of[index]

    def complete(self) -> None:
        """Expect no more runs: a search may prune the seeds of a configuration before they begin."""
        self._expected = self._begun

    @property
    def runs(self) -> int:
        """The expected number of runs."""
        return max(self._expected, self._begun)

    @property
    def share(self) -> float:
        """The share of the work that is done, which never falls: pruned runs lower what the others are thought to
        need, a little with each."""
        needed = (SURE_AFTER + sum(trained / asked for trained, asked in self._took[-100:])) / (
            SURE_AFTER + len(self._took[-100:])
        )
        parts = (min(0.99, done / (needed * self._epochs[index])) for index, done in self._done.items())
        self._share = max(self._share, (self.statuses.total() + sum(parts)) / max(1, self.runs))
        return min(1.0, self._share)

    @property
    def best(self) -> str | None:
        """The best configuration by the mean over its runs, with its value; of those with the most runs."""
        most = max((len(each.values) for each in self._configurations.values()), default=0)
        if not most or self.metric is None:
            return None
        full = [each for each in self._configurations.values() if len(each.values) == most]
        means = {each.overrides: statistics.fmean(each.values.values()) for each in full}
        key = (max if self.metric.maximize else min)(means, key=means.__getitem__)
        value = percent(means[key]) + " %" if self.metric.unit == "%" else number_text(means[key])
        over = f" over {count(most, 'run')}" if most > 1 else ""
        name = inert(" ".join(sorted(key - (self._common or frozenset()))))
        shown = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
        return f"best validation {title_of(self.metric.name)} {value}{over}{f': {shown}' if shown else ''}"

    @property
    def text(self) -> str:
        """The runs, in words."""
        ended = self.statuses.total()
        if self.runs == 1:
            epochs = next(iter(self._epochs.values()), 0)
            return f"epoch {next(iter(self._done.values()), 0)} of {epochs}" if epochs else "ended"
        others = ", ".join(f"{number} {status}" for status, number in self.statuses.items() if status != "finished")
        training = f", {len(self._done)} in training" if self._done else ""
        return f"{ended} of {self.runs} runs ended{f' ({others})' if others else ''}{training}"
