"""The scheduler: runs take free lanes, train epoch by epoch, and leave.

A round of a worker is one epoch of every run that has a lane there. When a worker answers, its runs are reported, those
that have ended or are pruned leave, and the next runs take their lanes, whatever the other workers do: nobody waits for
a stack to end, or for the slowest worker.

Long, because the loop and the lanes that it shares out are read together.
"""

import itertools
import sys
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice

from hpsearch.engine.result import History, Result
from hpsearch.formatting import count
from hpsearch.workers.pool import MachinePool, OpenPool, Pool
from hpsearch.workers.progress import TrainingProgress
from hpsearch.workers.remote import WorkerHangs
from hpsearch.workers.run import Outcome, Run, RunSource
from hpsearch.workers.worker import Entering, Worker


def train(
    source: RunSource,
    lanes: int,
    stopped: Callable[[], bool] = lambda: False,
    open_pool: OpenPool = MachinePool,
    begins: Callable[[int], None] = lambda number: None,
) -> Iterator[tuple[int, Outcome]]:
    """Train the runs of a source in at most `lanes` lanes; yields (number, outcome) of each run that has ended.

    stopped: asked after each round of a worker; True ends the training.
    open_pool: makes the workers.
    begins: called with the number of each run when it has its first lane.
    """
    ended: deque[tuple[int, Outcome]] = deque()
    expected, asked = source.expected, source.next_runs(lanes)
    known: list[str] = []  # the statuses of runs that had ended before
    while asked and all(isinstance(run, Result) for _, run in asked):  # workers may take long to start
        for index, run in asked:
            if isinstance(run, Result):
                known.append(run.status)
                yield index, run
        asked = source.next_runs(lanes)
    first = [run for _, run in asked if isinstance(run, Run)]
    if not first:
        return
    with closing(open_pool(lanes, expected, first)) as pool, TrainingProgress(expected) as progress:
        scheduler = Scheduler(pool)
        for status in known:
            progress.known(status)
        while asked or scheduler:
            for index, run in asked:
                if isinstance(run, Result):
                    progress.known(run.status)
                    yield index, run
                else:
                    scheduler.add(index, run)
                    progress.begin(index, run)
            for number in scheduler.begin_rounds(source.resting):
                begins(number)
            while ended and not (scheduler.answered and len(ended) <= pool.lanes):
                yield _ended(ended.popleft(), progress)  # records are written while workers train
            histories = scheduler.end_round()
            if histories:
                progress.epoch(histories)
            ended += scheduler.leave(source.prune(histories, scheduler.training))
            if stopped():
                while scheduler.busy:
                    scheduler.end_round()
                ended += scheduler.leave(())
                break
            while ended and source.adaptive:
                yield _ended(ended.popleft(), progress)
            asked = source.next_runs(scheduler.free)
        else:
            progress.complete()
        while ended:
            yield _ended(ended.popleft(), progress)


def _ended(one: tuple[int, Outcome], progress: TrainingProgress) -> tuple[int, Outcome]:
    progress.ended(*one)
    return one


@dataclass(eq=False)
class StackQueue:
    """The runs of one stack: those that wait, and the workers of those that train."""

    example: Run
    limit: int | None = None  # of lanes, once the memory has not lasted for more
    waiting: deque[int] = field(default_factory=deque)
    lanes: dict[int, Worker] = field(default_factory=dict)  # by number of the run

    def __len__(self) -> int:
        return len(self.waiting) + len(self.lanes)


class Scheduler:
    """Shares all runs in training out among the workers of a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queues: dict[Hashable, StackQueue] = {}
        self._runs: dict[int, Run] = {}
        self._training: dict[int, StackQueue] = {}  # the queue of each run that has a lane: few, where thousands wait
        self._busy: list[Worker] = []  # in a round
        self._pruned: set[int] = set()  # that leave when their worker has answered
        self._losses: Counter[int] = Counter()  # workers that were lost with a run
        self._halves: dict[int, int] = {}  # of runs one of which ends its workers: the number of their half
        self._numbers = itertools.count()
        self._most_lanes: Counter[int] = Counter()  # of a run whose stack has several workers: as `Result.lanes`
        self._begun: set[int] = set()  # runs that have had a lane
        self._ended: list[tuple[int, Outcome]] = []

    @property
    def free(self) -> int:
        """The number of lanes that no run has or waits for; below 0 if more wait."""
        return self._pool.lanes - len(self._runs)

    def __bool__(self) -> bool:
        return bool(self._queues)

    @property
    def training(self) -> Set[int]:
        """The numbers of the runs that have a lane."""
        return self._training.keys()

    def add(self, index: int, run: Run) -> None:
        """A run waits for a lane."""
        self._queues.setdefault(run.stack_key, StackQueue(run)).waiting.append(index)
        self._runs[index] = run

    def begin_rounds(self, resting: Collection[int]) -> list[int]:
        """Give lanes to waiting runs, and let every worker that has answered train on. Returns the runs that have their
        first lane now.

        resting: runs that train no epoch until they are left out here.
        """
        entering = self._give_lanes()
        places: dict[Worker, list[int]] = {}
        for index, queue in self._training.items():
            places.setdefault(queue.lanes[index], []).append(index)
        for queue in dict.fromkeys(self._training.values()):
            if queue.example.is_net and len(self._pool.workers_for(queue.example)) > 1:
                self._most_lanes |= Counter(dict.fromkeys(queue.lanes, len(queue.lanes)))
        for worker, lanes in places.items():
            if worker not in self._busy and any(index not in resting for index in lanes):
                worker.ask_round(entering.get(worker, []), [index for index in lanes if index in resting])
                self._busy.append(worker)
        now = [index for entered in entering.values() for _, _, runs in entered for index, _ in runs]
        first = [index for index in now if index not in self._begun]
        self._begun.update(first)
        return first

    @property
    def busy(self) -> bool:
        """True if a worker is in a round."""
        return bool(self._busy)

    @property
    def answered(self) -> bool:
        """True if `end_round` would not have to wait."""
        return any(worker.answered for worker in self._busy)

    def end_round(self) -> dict[int, History]:
        """Wait for a worker; the history of each run that took part in its round and is not pruned already.

        If an epoch raises, the runs of that stack there start again in half as many lanes, which need less memory. A
        run that raises alone has failed. The runs of a worker that is lost start again.
        """
        worker = self._pool.first(self._busy) if self._queues else None
        if worker is None:
            return {}
        self._busy.remove(worker)
        answer = worker.round()
        if answer.lost is not None:
            self._lost(worker, answer.lost)
        for key, error in answer.raised:
            self._raised(key, worker, error)
        self._left(answer.left)
        return {index: each for index, each in sorted(answer.histories.items()) if index not in self._pruned}

    def leave(self, pruned: Collection[int]) -> list[tuple[int, Outcome]]:
        """The outcomes of the runs that have ended, in the order of their numbers. pruned: runs that have to end."""
        places = {index: queue.lanes[index] for index, queue in self._training.items()}
        self._pruned |= places.keys() & set(pruned)
        leaving: dict[Worker, list[int]] = {}
        for index in sorted(self._pruned & places.keys()):
            if places[index] not in self._busy:
                leaving.setdefault(places[index], []).append(index)
        for worker, runs in leaving.items():
            self._left(worker.prune(runs))
        ended, self._ended = self._ended, []
        return sorted(ended, key=lambda each: each[0])

    def _give_lanes(self) -> dict[Worker, list[Entering]]:
        """Waiting runs get lanes on workers that have answered, none of which takes more than an even share of the
        cost of all that train. The expensive runs come first, because cheap ones can fill what is left."""
        free = self._pool.lanes - len(self._training)
        takes: dict[StackQueue, int] = dict.fromkeys(self._training.values(), 0)
        for queue in self._queues.values():
            if free <= 0:
                break
            room = free if queue.limit is None else min(free, queue.limit - len(queue.lanes))
            takes[queue] = max(0, min(len(queue.waiting), room))
            free -= takes[queue]
        entering: dict[Worker, list[Entering]] = {}
        loads: dict[Worker, float] = defaultdict(float)
        halves: dict[Worker, int | None] = {}  # of the workers that have runs; None: not suspected
        shares: dict[tuple[Worker, ...], float] = defaultdict(float)  # of the cost, by the workers that may have it
        for queue, more in takes.items():
            workers = tuple(self._pool.workers_for(queue.example))
            for index, worker in queue.lanes.items():
                loads[worker] += self._runs[index].cost
                halves[worker] = self._halves.get(index)
            now = [*queue.lanes, *islice(queue.waiting, more)]
            shares[workers] += sum(self._runs[index].cost for index in now) / max(1, len(workers))
        for queue in sorted(filter(takes.get, takes), key=self._turn):
            workers = tuple(self._pool.workers_for(queue.example))
            idle = [worker for worker in workers if worker not in self._busy]
            for worker in sorted(idle, key=lambda each: loads[each]):
                taken: list[int] = []
                while takes[queue] and loads[worker] < shares[workers]:
                    half = halves.setdefault(worker, self._halves.get(queue.waiting[0]))
                    fits = next((run for run in queue.waiting if self._halves.get(run) == half), None)
                    if fits is None:
                        break
                    takes[queue] -= 1
                    taken.append(fits)
                    queue.waiting.remove(fits)
                    loads[worker] += self._runs[fits].cost
                if taken:
                    queue.lanes |= dict.fromkeys(taken, worker)
                    self._training |= dict.fromkeys(taken, queue)
                    runs = [(index, self._runs[index].lane) for index in taken]
                    entering.setdefault(worker, []).append((queue.example.stack_key, queue.example.trainer, runs))
        return entering

    def _turn(self, queue: StackQueue) -> tuple[bool, float]:
        """The place of a stack among those that get lanes: suspected runs first, because they need an empty worker."""
        return not any(index in self._halves for index in queue.waiting), -queue.example.cost

    def _left(self, left: Sequence[tuple[int, Outcome]]) -> None:
        """Runs have ended. A net's result is as of the whole stack, because a worker knows only its own lanes."""
        for index, outcome in left:
            del self._losses[index]
            self._halves.pop(index, None)
            key = self._runs.pop(index).stack_key
            queue, most = self._queues[key], self._most_lanes.pop(index, 0)
            queue.lanes.pop(index, None)
            self._training.pop(index, None)
            self._pruned.discard(index)
            self._begun.discard(index)
            if not len(queue):
                del self._queues[key]
            if most and isinstance(outcome, Result):
                workers = max(1, len(self._pool.workers_for(queue.example)))
                outcome = replace(outcome, seconds=outcome.seconds / workers, lanes=most)
            self._ended.append((index, outcome))

    def _raised(self, key: Hashable, worker: Worker, error: Exception) -> None:
        """A stack has raised on a worker, which has dropped its runs."""
        queue = self._queues[key]
        if len(queue.lanes) == 1:
            queue.limit = None
            self._left([(index, error) for index in queue.lanes])
        else:
            queue.limit = (len(queue.lanes) + 1) // 2
            self._again(queue, worker)

    def _lost(self, worker: Worker, error: Exception) -> None:
        """A worker is lost with its runs, which begin again.

        If that happens to a run too often, one of the worker's runs may be the reason. They are halved, each half on a
        worker without other runs, until that run is alone: then it fails.
        """
        lost = [index for queue in self._queues.values() for index, its in queue.lanes.items() if its is worker]
        self._losses.update(lost)
        if isinstance(error, WorkerHangs):
            self._losses.update(dict.fromkeys(lost, self._pool.retries))
        suspected = any(self._losses[index] > self._pool.retries for index in lost)
        if suspected and len(lost) == 1:
            self._halves.clear()  # the others are innocent
            self._losses.clear()
            print(f"a run has ended its worker and fails: {error}", file=sys.stderr, flush=True)
            self._left([(index, error) for index in lost])
            return
        print(f"a worker was lost with {count(len(lost), 'run')}, to begin again: {error}", file=sys.stderr, flush=True)
        for half in (lost[::2], lost[1::2]) if suspected else ():
            self._halves |= dict.fromkeys(half, next(self._numbers))
            self._losses |= dict.fromkeys(half, self._pool.retries if len(half) > 1 else 0)
        for queue in self._queues.values():
            self._again(queue, worker)

    def _again(self, queue: StackQueue, worker: Worker) -> None:
        """Let the runs of a stack on a worker wait for another lane."""
        again = [index for index, its in queue.lanes.items() if its is worker]
        queue.waiting.extendleft(again[::-1])
        for index in again:
            del queue.lanes[index], self._training[index]
