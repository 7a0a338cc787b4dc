"""A run, ready to train, and the sources that runs come from."""

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import torch

from hpsearch.components.data.dataset import Dataset
from hpsearch.components.metric import Metric
from hpsearch.engine.checkpoint import Checkpoint
from hpsearch.engine.classifier_trainer import ClassifierSpec, ClassifierStackSpec
from hpsearch.engine.result import History, Result
from hpsearch.engine.spec import LaneSpec, StackKey, StackSpec
from hpsearch.engine.trainer import Trainer
from hpsearch.record.measure import Measure
from hpsearch.script.function import Script
from hpsearch.script.spec import ScriptSpec

Outcome = Result | Exception  # an exception: the run failed
CHECKPOINT = "checkpoint.safetensors"  # in a run's folder, until it has ended
SMALLEST = 10_000  # parameters: smaller nets take as long, because of the launches


@dataclass(frozen=True)
class ScriptStackSpec:
    """The part of a script's run that hpsearch itself reads. device: the best that the machine has."""

    metric: Measure
    device: torch.device


@dataclass(frozen=True)
class Run:
    """One configuration with one seed, checked and ready to train.

    config, key: as in its record. overrides: the command line that repeats it alone.
    trainer: makes an empty trainer for all runs with the same stack key.
    content: hashes that its record keeps: "data" of the rows.
    """

    config: dict[str, Any]
    key: str
    overrides: list[str]
    stack_key: StackKey
    lane: LaneSpec | ClassifierSpec | ScriptSpec
    stack: StackSpec | ClassifierStackSpec | ScriptStackSpec
    trainer: Callable[[], Trainer]
    content: dict[str, Any] = field(default_factory=dict)

    def kept_in(self, folder: Path) -> "Run":
        """This run with its files in a folder: a checkpoint, or a script's own. A classifier has none."""
        if isinstance(self.lane, ScriptSpec):
            return replace(self, lane=replace(self.lane, folder=folder.absolute()))
        if not isinstance(self.lane, LaneSpec):
            return self
        return replace(self, lane=replace(self.lane, checkpoint=Checkpoint(folder / CHECKPOINT, self.key)))

    @property
    def metric(self) -> Metric | Measure:
        """The metric that selects."""
        return self.stack.metric

    @property
    def data(self) -> Dataset:
        """Its data set, with its own split. A script's is unknown."""
        assert not isinstance(self.lane, ScriptSpec)
        assert not isinstance(self.stack, ScriptStackSpec)
        return self.lane.data or self.stack.data

    @property
    def cost(self) -> float:
        """The expected time of its training, in a unit that runs of one device share."""
        if not isinstance(self.stack, StackSpec):
            return 1.0
        return self.lane.epochs * len(self.data.train) * max(self.stack.model.parameters, SMALLEST)

    @property
    def is_net(self) -> bool:
        """True for a run that trains in a lane; others use threads of their own."""
        return isinstance(self.lane, LaneSpec)

    @property
    def script(self) -> Script | None:
        """The script that trains it, if one does."""
        return self.lane.script if isinstance(self.lane, ScriptSpec) else None


class RunSource(Protocol):
    """Where runs come from and who prunes them: a list, a resumed sweep, a search.

    expected: how many runs there will be, as far as that is known.
    adaptive: True if results decide which run comes next; each is then delivered before the next round.
    seeds: the least number of runs that a configuration is to have, each with a seed of its own.
    """

    @property
    def expected(self) -> int: ...
    @property
    def adaptive(self) -> bool: ...
    @property
    def seeds(self) -> int: ...

    def next_runs(self, free: int) -> Sequence[tuple[int, Run | Result]]:
        """Numbered runs for `free` lanes; more have to wait. A result stands for a run that is done already.

        Empty while no run is in training: the sweep is over.
        """

    @property
    def resting(self) -> Collection[int]:
        """The runs that train no further epoch until others, with which they are compared, have come as far."""

    def prune(self, histories: Mapping[int, History], training: Set[int]) -> Collection[int]:
        """The runs to prune, by number. Called after each round of a worker with the histories of the runs that took
        part, and the numbers of all runs that have a lane now."""


class RunList:
    """A source of runs that are all known before the first one trains."""

    adaptive = False
    resting = ()

    def __init__(self, runs: Sequence[tuple[int, Run]], seeds: int = 1) -> None:
        """seeds: of a configuration, if others train some of its runs; 1 if all its runs are in the list."""
        self.expected, self.seeds = len(runs), seeds
        self._runs = runs

    def next_runs(self, free: int) -> Sequence[tuple[int, Run]]:
        runs, self._runs = self._runs, []
        return runs

    def prune(self, histories: Mapping[int, History], training: Set[int]) -> Collection[int]:
        """None."""
        return ()
