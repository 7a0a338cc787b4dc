"""The scheduler: runs take free lanes, train epoch by epoch, and leave.

A round is one epoch of every run that has a lane. Between two rounds runs leave and the next runs of the source take
their lanes, in the stack that they belong to: nobody waits for a stack to end.

Long, because the loop and the lanes that it shares out are read together.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from hpsearch.engine.result import History, Result
from hpsearch.engine.trainer import Trainer
from hpsearch.workers.pool import open_workers
from hpsearch.workers.progress import TrainingProgress
from hpsearch.workers.run import Outcome, Run, RunSource
from hpsearch.workers.worker import Entering, Worker


def train(source: RunSource, lanes: int, stopped: Callable[[], bool] = lambda: False) -> Iterator[tuple[int, Outcome]]:
    """Train the runs of a source in at most `lanes` lanes; yields (number, outcome) of each run that has ended.

    stopped: asked after each round; True ends the training.
    """
    epochs: dict[int, int] = {}
    ended: deque[tuple[int, Outcome]] = deque()
    expected, asked = source.expected, source.next_runs(lanes)
    movable = any(isinstance(run, Run) and not run.local for _, run in asked)
    with open_workers(min(expected, lanes) if movable else 0) as workers, TrainingProgress(expected) as progress:
        scheduler = Scheduler(lanes, *workers)
        begun = False
        while asked or scheduler:
            for index, run in asked:
                if isinstance(run, Result):
                    yield index, run
                else:
                    scheduler.add(index, run)
                    epochs[index] = run.lane.epochs
                    progress.begin(epochs[index], run.metric)
            if not begun:
                scheduler.begin_round()
            histories = scheduler.end_round()
            if histories:
                progress.epoch(histories.values())
            ended += scheduler.leave(source.prune(histories))
            begun = scheduler.free <= 0 and not stopped()  # workers train on while this process writes records
            if begun:
                scheduler.begin_round()
            idle_time_only = begun and not source.adaptive  # writing records must not delay the workers
            while ended and not (idle_time_only and scheduler.answered and len(ended) <= lanes):
                index, outcome = ended.popleft()
                done = len(outcome.history.train_loss) if isinstance(outcome, Result) else 0
                progress.run_done(epochs.pop(index) - done)
                yield index, outcome
            if stopped():
                yield from ended
                return
            asked = source.next_runs(scheduler.free)


@dataclass
class StackQueue:
    """The runs of one stack: those that wait, and the workers of those that train."""

    trainer: Callable[[], Trainer]
    workers: Sequence[Worker]  # that the stack may use
    limit: int  # of lanes; lowered if the memory does not last
    waiting: deque[int] = field(default_factory=deque)
    lanes: dict[int, Worker] = field(default_factory=dict)  # by number of the run

    def __len__(self) -> int:
        return len(self.waiting) + len(self.lanes)


class Scheduler:
    """Shares all runs in training out among the workers."""

    def __init__(self, lanes: int, local: Worker, on_cpu: Sequence[Worker]) -> None:
        self._lanes, self._local, self._on_cpu = lanes, local, on_cpu
        self._workers = [local, *(worker for worker in on_cpu if worker is not local)]
        self._queues: dict[Hashable, StackQueue] = {}
        self._runs: dict[int, Run] = {}
        self._most_lanes: Counter[int] = Counter()  # of a run whose stack has several workers: as `Result.lanes`
        self._in_round: dict[Hashable, int] = {}  # the lanes of each stack in this round
        self._failed: list[tuple[int, Outcome]] = []

    @property
    def free(self) -> int:
        """The number of lanes that no run has or waits for; below 0 if more wait."""
        return self._lanes - sum(map(len, self._queues.values()))

    def __bool__(self) -> bool:
        return bool(self._queues)

    def add(self, index: int, run: Run) -> None:
        """A run waits for a lane."""
        if run.stack_key not in self._queues:
            workers = [self._local] if run.local else self._on_cpu
            self._queues[run.stack_key] = StackQueue(run.trainer, workers, self._lanes)
        self._queues[run.stack_key].waiting.append(index)
        self._runs[index] = run

    def begin_round(self) -> None:
        """Give lanes to waiting runs and start an epoch of every run that has a lane."""
        entering = self._give_lanes()
        self._in_round = {}
        for key, queue in self._queues.items():
            self._in_round[key] = len(queue.lanes)
            if len(queue.workers) > 1:
                self._most_lanes |= Counter(dict.fromkeys(queue.lanes, len(queue.lanes)))
        for worker in self._workers:
            worker.ask_round(entering.get(worker, []))

    @property
    def answered(self) -> bool:
        """True if `end_round` would not have to wait."""
        return all(worker.answered for worker in self._workers)

    def end_round(self) -> dict[int, History]:
        """The history of each run that took part.

        If an epoch raises on a worker, the runs of that stack there start again in half as many lanes, which need less
        memory. A run that raises alone has failed.
        """
        histories: dict[int, History] = {}
        for worker in reversed(self._workers):  # this process comes last, because it trains when it is asked
            for key, answer in worker.round():
                if isinstance(answer, Exception):
                    self._raised(key, worker, answer, alone=self._in_round[key] == 1)
                else:
                    histories |= answer
        return dict(sorted(histories.items()))

    def leave(self, pruned: Collection[int]) -> list[tuple[int, Outcome]]:
        """The outcomes of the runs that have ended, in the order of their numbers."""
        for worker in self._workers:
            worker.ask_leave(pruned)
        left = [(index, self._complete(index, each)) for worker in self._workers for index, each in worker.leave()]
        left += self._failed
        self._failed = []
        for index, _ in left:
            queue = self._queues[self._runs.pop(index).stack_key]
            queue.lanes.pop(index, None)
            del self._most_lanes[index]
        self._queues = {key: queue for key, queue in self._queues.items() if len(queue)}
        return sorted(left, key=lambda each: each[0])

    def _give_lanes(self) -> dict[Worker, list[Entering]]:
        """Waiting runs get lanes: at most an even share of all lanes at once, on the worker that has the fewest."""
        free = self._lanes - sum(len(queue.lanes) for queue in self._queues.values())
        takes: dict[Hashable, int] = {}
        for key, queue in self._queues.items():
            takes[key] = max(0, min(len(queue.waiting), queue.limit - len(queue.lanes), free))
            free -= takes[key]
        share = max(1, -(-(self._lanes - free) // len(self._on_cpu)))
        loads = Counter(worker for queue in self._queues.values() for worker in queue.lanes.values())
        entering: dict[Worker, list[Entering]] = {}
        for key, queue in self._queues.items():
            taken = [queue.waiting.popleft() for _ in range(takes[key])]
            for first in range(0, len(taken), share):
                part = taken[first : first + share]
                worker = min(queue.workers, key=lambda worker: loads[worker])
                loads[worker] += len(part)
                queue.lanes |= dict.fromkeys(part, worker)
                runs = [(index, self._runs[index].lane) for index in part]
                entering.setdefault(worker, []).append((key, queue.trainer, runs))
        return entering

    def _raised(self, key: Hashable, worker: Worker, error: Exception, alone: bool) -> None:
        """A stack has raised on a worker, which has dropped its runs."""
        queue = self._queues[key]
        indices = [index for index, its in queue.lanes.items() if its is worker]
        if alone:
            self._failed += [(index, error) for index in indices]
            queue.limit = self._lanes
        else:
            queue.limit = (len(queue.lanes) + 1) // 2
            queue.waiting.extendleft(reversed(indices))
        queue.lanes = {index: its for index, its in queue.lanes.items() if its is not worker}

    def _complete(self, index: int, outcome: Outcome) -> Outcome:
        """A result as of the whole stack, because a worker knows only its own lanes."""
        if isinstance(outcome, Exception) or index not in self._most_lanes:
            return outcome
        return replace(outcome, seconds=outcome.seconds / len(self._on_cpu), lanes=self._most_lanes[index])
