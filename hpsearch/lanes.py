"""The scheduler: runs of any programs take free lanes, train epoch by epoch beside each other, and leave.

A round is one epoch of every run that has a lane, stack by stack. Between two rounds runs leave and the feed's next
ones take their lanes, in the stack that they belong to: nobody waits for a stack to end.
"""

from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from hpsearch.engine import History, Result, Training
from hpsearch.fit import Fitting
from hpsearch.progress import TrainingProgress


class Work(Protocol):
    """A run that can be trained. Runs of equal `stack` share a program; `start` makes its empty stack."""

    @property
    def stack(self) -> Hashable: ...
    @property
    def run(self) -> Any: ...
    @property
    def start(self) -> Callable[[], Training | Fitting]: ...


Outcome = Result | Exception


class Feed(Protocol):
    """Where runs come from and who prunes them. `runs`: how many there will be."""

    @property
    def runs(self) -> int: ...

    def next(self, free: int) -> Sequence[tuple[int, Work | Result]]:
        """Runs with their numbers, as many as there are free lanes; if more, they wait. For a run that need not be
        trained, its result. None while none is in training: there is nothing left to do."""

    def prune(self, histories: Mapping[int, History]) -> Collection[int]:
        """Told after each round the histories of the runs that took part; returns those to prune."""


class _Room:
    """A stack and those who wait for a lane in it."""

    def __init__(self, start: Callable[[], Training | Fitting], lanes: int) -> None:
        self._start, self._lanes = start, lanes
        self._limit = lanes  # falls where the memory does not last
        self._training = start()
        self._runs: dict[int, Any] = {}
        self._waiting: deque[int] = deque()
        self._failed: list[tuple[int, Outcome]] = []

    def __len__(self) -> int:
        return len(self._training) + len(self._waiting)

    def add(self, index: int, run: Any) -> None:
        self._runs[index] = run
        self._waiting.append(index)

    def epoch(self, free: int) -> dict[int, History]:
        """One round, after at most `free` waiting runs have taken lanes. If the stack breaks, its runs begin again
        in half as many lanes, which need less memory; a run that breaks alone has failed."""
        while self._waiting and free > 0 and len(self._training) < self._limit:
            index = self._waiting[0]
            try:
                self._training.enter(index, self._runs[index])
            except Exception as error:
                if len(self._training):
                    self._limit = len(self._training)  # again when one has left
                    break
                self._fail(self._waiting.popleft(), error)
            else:
                self._waiting.popleft()
                free -= 1
        if not len(self._training):
            return {}
        try:
            return self._training.epoch()
        except Exception as error:  # whatever a run's own arithmetic raises is that run's failure
            indices = self._training.indices
            if len(indices) == 1:
                self._fail(indices[0], error)
            else:
                self._limit = (len(indices) + 1) // 2
                self._waiting.extendleft(reversed(indices))
        self._training = self._start()  # outside of the handler: the error holds the stack's tensors
        return {}

    def _fail(self, index: int, error: Exception) -> None:
        self._failed.append((index, error))
        self._limit = self._lanes

    def leave(self, pruned: Collection[int]) -> list[tuple[int, Outcome]]:
        left = [*self._failed, *self._training.leave(pruned)]
        self._failed = []
        return left

    @property
    def training(self) -> int:
        return len(self._training)


def train(feed: Feed, lanes: int, stopped: Callable[[], bool] = lambda: False) -> Iterator[tuple[int, Outcome]]:
    """Train the feed's runs in at most `lanes` lanes; yields (number of the run, outcome) as each one leaves.

    stopped: asked after each round; where it says so, the rest is left.
    """
    rooms: dict[Hashable, _Room] = {}
    epochs: dict[int, int] = {}
    with TrainingProgress(feed.runs) as progress:
        while not stopped():
            asked = feed.next(lanes - sum(len(room) for room in rooms.values()))
            for index, work in asked:
                if isinstance(work, Result):
                    yield index, work
                    continue
                if work.stack not in rooms:
                    rooms[work.stack] = _Room(work.start, lanes)
                rooms[work.stack].add(index, work.run)
                epochs[index] = work.run.epochs
                progress.begin(epochs[index])
            if not rooms and not asked:
                return
            histories: dict[int, History] = {}
            for room in rooms.values():
                histories |= room.epoch(lanes - sum(other.training for other in rooms.values()))
            if histories:
                progress.epoch(histories.values())
            pruned = feed.prune(histories)
            left = [outcome for room in rooms.values() for outcome in room.leave(pruned)]
            rooms = {stack: room for stack, room in rooms.items() if len(room)}
            for index, outcome in left:
                done = len(outcome.history.train_loss) if isinstance(outcome, Result) else 0
                progress.run_done(epochs[index] - done)
                yield index, outcome
