"""The scheduler: runs of any programs take free lanes, train epoch by epoch beside each other, and leave.

A round is one epoch of every run that has a lane. Between two rounds runs leave and the feed's next ones take their
lanes, in the stack that they belong to: nobody waits for a stack to end.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from hpsearch.engine import History, Result
from hpsearch.places import Entering, Place, Start, places
from hpsearch.progress import TrainingProgress


class Work(Protocol):
    """A run that can be trained. Runs of equal `stack` share a program; `start` makes its empty stack."""

    @property
    def stack(self) -> Hashable: ...
    @property
    def run(self) -> Any: ...
    @property
    def start(self) -> Start: ...
    @property
    def here(self) -> bool:
        """Whether it must train in this process: on another device, or with threads of its own."""


Outcome = Result | Exception


class Feed(Protocol):
    """Where runs come from and who prunes them. `runs`: how many there will be; `searching`: whether what has ended
    decides what comes next, so that it has to be told at once."""

    @property
    def runs(self) -> int: ...
    @property
    def searching(self) -> bool: ...

    def next(self, free: int) -> Sequence[tuple[int, Work | Result]]:
        """Runs with their numbers, as many as there are free lanes; if more, they wait. For a run that need not be
        trained, its result. None while none is in training: there is nothing left to do."""

    def prune(self, histories: Mapping[int, History]) -> Collection[int]:
        """Told after each round the histories of the runs that took part; returns those to prune."""


@dataclass
class _Stack:
    """The runs of a program: those that wait, and where the others train."""

    start: Start
    places: Sequence[Place]  # that it may use
    limit: int  # of its lanes; falls where the memory does not last
    waiting: deque[int] = field(default_factory=deque)
    lanes: dict[int, Place] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.waiting) + len(self.lanes)


class _Stacks:
    """All runs that have not left."""

    def __init__(self, lanes: int, here: Place, on_cpu: Sequence[Place]) -> None:
        self._lanes, self._here, self._on_cpu = lanes, here, on_cpu
        self._all = [here, *(place for place in on_cpu if place is not here)]
        self._stacks: dict[Hashable, _Stack] = {}
        self._runs: dict[int, Any] = {}
        self._beside: Counter[int] = Counter()  # in a stack of several places: the most lanes that a run trained beside
        self._together: dict[Hashable, int] = {}  # the lanes of each stack in this round
        self._failed: list[tuple[int, Outcome]] = []

    @property
    def free(self) -> int:
        """Lanes that nobody has or waits for."""
        return self._lanes - sum(map(len, self._stacks.values()))

    def __bool__(self) -> bool:
        return bool(self._stacks)

    def add(self, index: int, work: Work) -> None:
        """A run waits for a lane."""
        if work.stack not in self._stacks:
            self._stacks[work.stack] = _Stack(work.start, [self._here] if work.here else self._on_cpu, self._lanes)
        self._stacks[work.stack].waiting.append(index)
        self._runs[index] = work.run

    def begin_round(self) -> None:
        """Waiting runs take lanes, and an epoch of every run that has one begins."""
        entering = self._enter()
        self._together = {}
        for key, stack in self._stacks.items():
            self._together[key] = len(stack.lanes)
            if len(stack.places) > 1:
                self._beside |= Counter(dict.fromkeys(stack.lanes, len(stack.lanes)))
        for place in self._all:
            place.ask_round(entering.get(place, []))

    @property
    def answered(self) -> bool:
        """Whether `end_round` would not have to wait."""
        return all(place.answered for place in self._all)

    def end_round(self) -> dict[int, History]:
        """What each run has done. If the epoch breaks in a place, the runs of that stack there begin again, in half as
        many lanes, which need less memory; a run that breaks alone has failed."""
        histories: dict[int, History] = {}
        for place in reversed(self._all):  # this process, which works when it is to answer, last
            for key, answer in place.round():
                if isinstance(answer, Exception):
                    self._broken(key, place, answer, alone=self._together[key] == 1)
                else:
                    histories |= answer
        return dict(sorted(histories.items()))

    def _whole(self, index: int, result: Result) -> Result:
        """A result as of the whole stack: a place knows of its part only."""
        if index not in self._beside:
            return result
        return replace(result, seconds=result.seconds / len(self._on_cpu), lanes=self._beside[index])

    def _enter(self) -> dict[Place, list[Entering]]:
        """Waiting runs take lanes: at most an even share of all lanes in the place that has the fewest."""
        free = self._lanes - sum(len(stack.lanes) for stack in self._stacks.values())
        takes: dict[Hashable, int] = {}
        for key, stack in self._stacks.items():
            takes[key] = max(0, min(len(stack.waiting), stack.limit - len(stack.lanes), free))
            free -= takes[key]
        share = max(1, -(-(self._lanes - free) // len(self._on_cpu)))
        loads = Counter(place for stack in self._stacks.values() for place in stack.lanes.values())
        entering: dict[Place, list[Entering]] = {}
        for key, stack in self._stacks.items():
            taken = [stack.waiting.popleft() for _ in range(takes[key])]
            for first in range(0, len(taken), share):
                part = taken[first : first + share]
                place = min(stack.places, key=lambda place: loads[place])
                loads[place] += len(part)
                stack.lanes |= dict.fromkeys(part, place)
                entering.setdefault(place, []).append((key, stack.start, [(i, self._runs[i]) for i in part]))
        return entering

    def _broken(self, key: Hashable, place: Place, error: Exception, alone: bool) -> None:
        stack = self._stacks[key]
        indices = [index for index, its in stack.lanes.items() if its is place]
        if alone:
            self._failed += [(index, error) for index in indices]
            stack.limit = self._lanes
        else:
            stack.limit = (len(stack.lanes) + 1) // 2
            stack.waiting.extendleft(reversed(indices))
        stack.lanes = {index: its for index, its in stack.lanes.items() if its is not place}

    def leave(self, pruned: Collection[int]) -> list[tuple[int, Outcome]]:
        """What became of those that are done, in the order of their numbers."""
        for place in self._all:
            place.ask_leave(pruned)
        results = [(index, self._whole(index, result)) for place in self._all for index, result in place.leave()]
        left: list[tuple[int, Outcome]] = [*self._failed, *results]
        self._failed = []
        for index, _ in left:
            del self._runs[index], self._beside[index]
        gone = {index for index, _ in left}
        for stack in self._stacks.values():
            stack.lanes = {index: place for index, place in stack.lanes.items() if index not in gone}
        self._stacks = {key: stack for key, stack in self._stacks.items() if len(stack)}
        return sorted(left, key=lambda each: each[0])


def train(feed: Feed, lanes: int, stopped: Callable[[], bool] = lambda: False) -> Iterator[tuple[int, Outcome]]:
    """Train the feed's runs in at most `lanes` lanes; yields (number of the run, outcome) as each one leaves.

    stopped: asked after each round; where it says so, the rest is left.
    """
    epochs: dict[int, int] = {}
    ended: deque[tuple[int, Outcome]] = deque()
    runs, asked = feed.runs, feed.next(lanes)
    on_cpu = sum(not isinstance(work, Result) and not work.here for _, work in asked)
    with places(min(runs, lanes) if on_cpu else 0) as where, TrainingProgress(runs) as progress:
        stacks = _Stacks(lanes, *where)
        begun = False
        while asked or stacks:
            for index, work in asked:
                if isinstance(work, Result):
                    yield index, work
                else:
                    stacks.add(index, work)
                    epochs[index] = work.run.epochs
                    progress.begin(epochs[index])
            if not begun:
                stacks.begin_round()
            histories = stacks.end_round()
            if histories:
                progress.epoch(histories.values())
            ended += stacks.leave(feed.prune(histories))
            begun = stacks.free <= 0 and not stopped()  # the other places go on while this one writes what has ended
            if begun:
                stacks.begin_round()
            wait = begun and not feed.searching  # not they for it: as much as they leave time for
            while ended and not (wait and stacks.answered and len(ended) <= lanes):
                index, outcome = ended.popleft()
                done = len(outcome.history.train_loss) if isinstance(outcome, Result) else 0
                progress.run_done(epochs[index] - done)
                yield index, outcome
            if stopped():
                yield from ended
                return
            asked = feed.next(stacks.free)
