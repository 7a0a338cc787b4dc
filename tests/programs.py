"""Small programs and runs for the tests."""

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import settings

from hpsearch.components.architecture.mlp import MLP
from hpsearch.components.data.dataset import Dataset, Split
from hpsearch.components.init import INITS
from hpsearch.components.layers import Tensors
from hpsearch.components.normalization import NORMALIZATIONS
from hpsearch.components.optimizer import OPTIMIZERS
from hpsearch.components.schedule import SCHEDULES
from hpsearch.components.target import Classes
from hpsearch.engine import trainer
from hpsearch.engine.lane import Lane, new_lane
from hpsearch.engine.result import History, Result
from hpsearch.engine.spec import LaneSpec, StackSpec
from hpsearch.engine.stack_size import StackSize
from hpsearch.engine.trainer import StackTrainer
from hpsearch.workers import scheduler
from hpsearch.workers.run import Run, RunList

# of each optimizer, every term that its options can bring
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("sgd", {}),
    ("sgd", {"weight_decay": 0.01}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("rmsprop", {}),
    ("rmsprop", {"weight_decay": 0.01}),
    ("adam", {}),
    ("adam", {"betas": (0.8, 0.99), "weight_decay": 0.01}),
    ("adamw", {}),
]

ONE_CYCLE = {"warmup": 0.3, "start": 0.04, "final": 0.0}


def examples(deep: int, **options: Any) -> settings:
    """The settings of a property: 25 % of `deep` examples in the slow run, 10 % in the plain one."""
    return settings(max_examples=deep * settings().max_examples // 100, **options)


def dataset(train: int = 100, features: int = 12, classes: int = 4, held_out: int = 40) -> Dataset:
    """Classes around random centres, so that a few steps learn something."""
    rng = np.random.default_rng(0)
    centres = 1.5 * rng.normal(size=(classes, features))

    def part(n: int) -> Split:
        y = rng.integers(classes, size=n)
        x = centres[y] + rng.normal(size=(n, features))
        return Split(torch.tensor(x, dtype=torch.float32), torch.tensor(y))

    names = tuple(map(str, range(classes)))
    return Dataset(part(train), part(held_out), part(held_out), Classes(names), (features,))


def program(
    data: Dataset,
    widths: tuple[int, ...] = (16, 9),
    batch_size: int = 32,
    normalization: str = "none",
    activation: str = "relu",
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> StackSpec:
    """An MLP on `data`."""
    model = MLP(data.features, data.target.outputs, widths, NORMALIZATIONS[normalization](), activation)
    where = torch.device(device)
    return StackSpec(data.to(where, dtype), model, batch_size, where, dtype)


def run(seed: int = 0, **options: Any) -> LaneSpec:
    """A run; options are those of `LaneSpec`, with names for optimizer, schedule and init."""
    optimizer = options.pop("optimizer", "sgd")
    optimizer, arguments = optimizer if isinstance(optimizer, tuple) else (optimizer, {})
    schedule = options.pop("schedule", "constant")
    schedules = {"constant": {}, "cosine": {"final": 0.0}, "one_cycle": ONE_CYCLE}
    defaults = {"epochs": 2, "lr": 0.1, "dropout": 0.0}
    return LaneSpec(
        seed=seed,
        optimizer=OPTIMIZERS[optimizer](**arguments),
        schedule=SCHEDULES[schedule](**schedules[schedule]),
        init=INITS[options.pop("init", "default")],
        **(defaults | options),
    )


Prune = Callable[[int, History], bool]


def vary_stack_sizes(monkeypatch: pytest.MonkeyPatch, sizes: Sequence[int]) -> None:
    """Let a trainer's stacks have these sizes in turn, in place of those that take the least time."""
    turn = cycle(sizes)
    monkeypatch.setattr(StackSize, "next", lambda self, lanes: next(turn))
    monkeypatch.setattr(StackSize, "took", lambda self, lanes, seconds: None)


def ready(lane: Any, stack: Any, trainer: Callable[[Any], Any] = StackTrainer) -> Run:
    """A run of a lane spec and a stack spec, without a configuration."""
    return Run({}, "", [], ("", stack.device), lane, stack, partial(trainer, stack))


class Listed(RunList):
    """A source of runs of one stack; `rounds` holds the epochs of the runs in training, by round."""

    def __init__(
        self, lanes: Sequence[Any], stack: Any, prune: Prune, trainer: Callable[[Any], Any] = StackTrainer
    ) -> None:
        super().__init__([(number, ready(lane, stack, trainer)) for number, lane in enumerate(lanes)])
        self.rounds: list[dict[int, int]] = []
        self._prune = prune

    def prune(self, histories: Mapping[int, History], training: Set[int]) -> Collection[int]:
        self.rounds.append({index: len(history.train_loss) for index, history in histories.items()})
        return [index for index, history in histories.items() if self._prune(index, history)]


@dataclass
class Weighed(Result):
    """With the run's weights and statistics, [1, ...] each."""

    tensors: Tensors = field(default_factory=dict)


class Weighing(StackTrainer):
    """A training that gives each run's weights with its result."""

    def __init__(self, spec: StackSpec) -> None:
        super().__init__(spec)
        self.held: dict[int, Lane] = {}

    def enter(self, index: int, spec: LaneSpec) -> None:
        def noted(index: int, spec: LaneSpec, stack: StackSpec) -> Lane:
            self.held[index] = new_lane(index, spec, stack)
            return self.held[index]

        with patch.object(trainer, "new_lane", noted):
            super().enter(index, spec)

    def leave(self, pruned: Collection[int] = ()) -> list[tuple[int, Result]]:
        left: list[tuple[int, Result]] = []
        for index, result in super().leave(pruned):
            weights = {name: tensor.clone() for name, tensor in self.held.pop(index).tensors.items()}
            left.append((index, Weighed(**vars(result), tensors=weights)))
        return left


def train(
    these: Sequence[Any],
    on: Any,
    lane_count: int,
    prune: Prune = lambda index, history: False,
    start: Callable[[Any], Any] = Weighing,
) -> list[Any]:
    """What becomes of runs of one program in so many lanes."""
    results = dict(scheduler.train(Listed(these, on, prune, start), lane_count))
    assert sorted(results) == list(range(len(these)))
    return [results[index] for index in range(len(these))]


def assert_same(one: Weighed, other: Weighed) -> None:
    """Bit for bit: weights, statistics, and every number of the record."""
    torch.testing.assert_close(one.tensors, other.tensors, rtol=0, atol=0, equal_nan=True)
    assert (one.status, one.reason) == (other.status, other.reason)
    assert repr(one.history) == repr(other.history)  # repr: nan is equal to nan
    assert (repr(one.metrics), one.test_correct) == (repr(other.metrics), other.test_correct)
