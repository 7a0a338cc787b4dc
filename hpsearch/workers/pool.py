"""The workers of one machine: this process, a process for each core of the CPU, and one for each of several GPUs."""

import math
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from typing import Protocol

import torch

from hpsearch.engine.spec import StackSpec
from hpsearch.engine.threads import gains_from_threads
from hpsearch.workers.local import LocalWorker
from hpsearch.workers.process import ProcessWorker
from hpsearch.workers.run import Run
from hpsearch.workers.worker import Worker

LONGEST_WAIT = 3600.0  # seconds; `wait` takes no infinite time


class Pool(Protocol):
    """Workers, and who of them may train a run.

    lanes: the runs that train beside each other, at most. retries: the workers that may be lost with a run before it
    is suspected.
    """

    @property
    def lanes(self) -> int: ...
    @property
    def retries(self) -> int: ...

    def workers_for(self, run: Run) -> Sequence[Worker]:
        """The workers that can train a run now: the same for all runs of a stack."""

    def first(self, asked: Collection[Worker]) -> Worker | None:
        """A worker of those that were asked for a round. Waits until one has answered, or, with None, until there are
        other workers."""

    def close(self) -> None:
        """End all workers."""


OpenPool = Callable[[int, int, Sequence[Run]], Pool]  # of lanes, the number of runs expected, and the first ones


def processes(runs: int) -> int:
    """The number of processes that train `runs` runs at a time on the CPU: one a core, but no more than runs."""
    return max(1, min(torch.get_num_threads(), runs)) if sys.platform == "linux" else 1  # others cannot fork safely


@dataclass(frozen=True)
class Processes:
    """The processes of a `MachinePool`.

    count: of those on the CPU, with so many threads each; None: by the cores. timeout: seconds in which each must
    answer. checkpoint: seconds between two writings of checkpoints, at least; None: none are written.
    """

    count: int | None = None
    threads: int | None = None
    timeout: float = math.inf
    checkpoint: float | None = None


class MachinePool:
    """The workers of this machine."""

    retries = 1  # one loss is a kill from outside, or for the memory; after a second one the run is looked for

    def __init__(self, lanes: int, expected: int, runs: Sequence[Run], given: Processes = Processes()) -> None:
        """lanes: of all workers. expected: the number of runs in all. runs: the first ones."""
        self.lanes = lanes
        self._local = LocalWorker(given.checkpoint)
        nets = [run for run in runs if run.is_net]
        on_cpu = [run for run in nets if run.stack.device.type == "cpu"]
        count = (given.count or processes(min(expected, lanes))) if on_cpu else 0
        threads = given.threads or (
            torch.get_num_threads() // max(1, count) if any(map(_gains_from_threads, on_cpu)) else 1
        )
        if count == 1 and (expected == 1 or threads > 1 or sys.platform != "linux"):
            count = 0  # this process trains; else a process does, because a run may end it
        new = partial(ProcessWorker, timeout=given.timeout, checkpoint=given.checkpoint)
        self._on_cpu = [new(threads) for _ in range(count)]
        several = any(run.stack.device == torch.device("cuda") for run in nets)
        self._on_gpus = [new(device=number) for number in range(torch.cuda.device_count() if several else 0)]

    def workers_for(self, run: Run) -> Sequence[Worker]:
        places = {torch.device("cpu"): self._on_cpu, torch.device("cuda"): self._on_gpus}
        return (run.is_net and places.get(run.stack.device)) or [self._local]

    def first(self, asked: Collection[Worker]) -> Worker:
        """This process comes last, because it trains when it is asked, and the others wait meanwhile."""
        others = {worker.connection: worker for worker in (*self._on_cpu, *self._on_gpus) if worker in asked}
        while True:
            left = min((worker.seconds_left for worker in others.values()), default=math.inf)
            longest = 0 if self._local in asked else max(0, min(left, LONGEST_WAIT))
            for connection in wait(list(others), longest):
                return others[connection]
            if self._local in asked:
                return self._local
            for worker in others.values():
                if worker.seconds_left < 0:
                    worker.end_overdue()

    def close(self) -> None:
        for worker in (*self._on_cpu, *self._on_gpus):
            worker.close()


def _gains_from_threads(run: Run) -> bool:
    spec = run.stack
    return isinstance(spec, StackSpec) and gains_from_threads(spec.model, spec.batch_size, spec.model.parameters)
