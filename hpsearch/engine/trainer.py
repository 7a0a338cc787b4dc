"""The trainer of a stack: runs enter lanes at an epoch boundary, train together, and leave."""

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import pairwise
from time import perf_counter
from typing import Any, Protocol

import torch

from hpsearch.engine.ending import new_result, test
from hpsearch.engine.lane import Lane, new_lane
from hpsearch.engine.result import History, Result
from hpsearch.engine.spec import LaneSpec, StackSpec
from hpsearch.engine.stack import Stack
from hpsearch.engine.stack_size import StackSize
from hpsearch.engine.threads import threads_for
from hpsearch.errors import no_exit


class Trainer(Protocol):
    """Trains the runs of one stack spec for a worker. `index` is a run's number."""

    def __len__(self) -> int:
        """The number of runs in training."""

    @property
    def indices(self) -> list[int]:
        """The numbers of the runs in training."""

    def enter(self, index: int, spec: Any) -> None:
        """A run takes a lane."""

    def epoch(self, resting: Collection[int] = ()) -> dict[int, History]:
        """Train an epoch of all runs but those `resting`; the histories so far of the runs that took part."""

    def save(self) -> None:
        """Write the checkpoints of the runs. Raises OSError."""

    def leave(self, pruned: Collection[int] = ()) -> list[tuple[int, Result | Exception]]:
        """Remove the runs that are finished, have diverged or are `pruned`; their results, or errors of their tests."""


class StackTrainer:
    """Trains nets of one stack spec, a lane each."""

    def __init__(self, spec: StackSpec) -> None:
        self._spec = replace(spec, data=spec.data.to(spec.device, spec.dtype))
        self._lanes: list[Lane] = []
        self._stacks: list[Stack] = []  # empty if the lanes in training have changed since the last epoch
        self._resting: set[int] = set()
        self._sizes = StackSize(tries=spec.device.type == "cpu" and spec.model.together)  # CUDA would record each size
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = spec.tf32
        torch.set_flush_denormal(True)  # denormal numbers of exploding runs slow the CPU down

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def indices(self) -> list[int]:
        return [lane.index for lane in self._lanes]

    def enter(self, index: int, spec: LaneSpec) -> None:
        self._lanes.append(new_lane(index, spec, self._spec))
        self._stacks = []

    def epoch(self, resting: Collection[int] = ()) -> dict[int, History]:
        training = [lane for lane in self._lanes if lane.index not in resting]
        if not training:
            return {}
        if self._resting != set(resting):
            self._stacks, self._resting = [], set(resting)
        lanes = len(training)
        count = -(-lanes // self._sizes.next(lanes))
        if len(self._stacks) != count:
            self._build_stacks(training, count)
        started = perf_counter()
        with self._threads():
            for stack in self._stacks:
                stack.epoch()
        self._sizes.took(lanes, perf_counter() - started)
        for lane in training:
            lane.lanes = max(lane.lanes, lanes)
        return {lane.index: lane.history for lane in training}

    def save(self) -> None:
        for lane in self._lanes:
            if lane.spec.checkpoint and lane.epoch:
                lane.spec.checkpoint.write(lane)

    def leave(self, pruned: Collection[int] = ()) -> list[tuple[int, Result | Exception]]:
        leaving: list[tuple[Lane, str, str | None]] = []
        for lane in self._lanes:
            if reason := lane.divergence:
                leaving.append((lane, "diverged", reason))
            elif lane.epoch == lane.spec.epochs:
                leaving.append((lane, "finished", None))
            elif lane.out_of_patience:
                reason = f"stopped early after epoch {lane.epoch}: epoch {lane.judged_epoch} was the best"
                leaving.append((lane, "finished", reason))
            elif lane.index in pruned:
                leaving.append((lane, "pruned", f"pruned after epoch {lane.epoch} of {lane.spec.epochs}"))
        if not leaving:
            return []
        finished = [lane for lane, status, _ in leaving if status == "finished"]
        with self._threads():
            results = {lane.index: new_result(lane, status, reason, self._spec) for lane, status, reason in leaving}
            errors = self._test(finished, results) if finished else {}
        self._lanes = [lane for lane in self._lanes if lane.index not in results]
        self._stacks = []
        return list((results | errors).items())

    def _test(self, lanes: list[Lane], results: dict[int, Result]) -> dict[int, Exception]:
        """Test finished lanes together, and one by one if that raises. The errors, by the numbers of the runs."""
        try:
            with no_exit():
                test(lanes, self._spec, [results[lane.index] for lane in lanes])
            return {}
        except Exception as error:  # the failure of a run is its own
            if len(lanes) == 1:
                return {lanes[0].index: error}
        return {index: each for lane in lanes for index, each in self._test([lane], results).items()}

    def _build_stacks(self, lanes: list[Lane], count: int) -> None:
        """Share lanes out to `count` stacks, those with optimizers of one kind side by side."""
        kinds = list(dict.fromkeys(lane.spec.kind for lane in lanes))
        lanes = sorted(lanes, key=lambda lane: kinds.index(lane.spec.kind))
        bounds = [len(lanes) * part // count for part in range(count + 1)]
        self._stacks = [Stack(lanes[a:b], self._spec) for a, b in pairwise(bounds)]

    def _threads(self) -> AbstractContextManager[None]:
        return threads_for(self._spec.model, self._spec.batch_size, self._lanes[0].parameters)
