"""The workers of one machine: this process, a process for each core of the CPU, and one for each of several GPUs."""

import sys
from collections.abc import Callable, Collection, Sequence
from multiprocessing.connection import wait
from typing import Protocol

import torch

from hpsearch.engine.spec import StackSpec
from hpsearch.engine.threads import gains_from_threads
from hpsearch.workers.local import LocalWorker
from hpsearch.workers.process import ProcessWorker
from hpsearch.workers.run import Run
from hpsearch.workers.worker import Worker


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


class MachinePool:
    """The workers of this machine."""

    retries = 1  # one loss is a kill from outside, or for the memory; after a second one the run is looked for

    def __init__(
        self,
        lanes: int,
        expected: int,
        runs: Sequence[Run],
        count: int | None = None,
        threads: int | None = None,
    ) -> None:
        """lanes: of all workers. expected: the number of runs in all. runs: the first ones. count: of processes, with
        so many threads each; None: by the cores."""
        self.lanes = lanes
        self._local = LocalWorker()
        on_cpu = [run for run in runs if not run.is_classifier and run.stack.device.type == "cpu"]
        count = (count or processes(min(expected, lanes))) if on_cpu else 1
        cores = torch.get_num_threads() // count if any(map(_gains_from_threads, on_cpu)) else 1
        self._on_cpu = [ProcessWorker(threads or cores) for _ in range(count)] if count > 1 else []
        several = any(run.stack.device == torch.device("cuda") for run in runs)
        self._on_gpus = [ProcessWorker(device=number) for number in range(torch.cuda.device_count() if several else 0)]

    def workers_for(self, run: Run) -> Sequence[Worker]:
        places = {torch.device("cpu"): self._on_cpu, torch.device("cuda"): self._on_gpus}
        return (not run.is_classifier and places.get(run.stack.device)) or [self._local]

    def first(self, asked: Collection[Worker]) -> Worker:
        """This process comes last, because it trains when it is asked, and the others wait meanwhile."""
        others = {worker.connection: worker for worker in (*self._on_cpu, *self._on_gpus) if worker in asked}
        for connection in wait(list(others), timeout=0 if self._local in asked else None):
            return others[connection]
        return self._local

    def close(self) -> None:
        for worker in (*self._on_cpu, *self._on_gpus):
            worker.close()


def _gains_from_threads(run: Run) -> bool:
    spec = run.stack
    return isinstance(spec, StackSpec) and gains_from_threads(spec.model, spec.batch_size, spec.model.parameters)
