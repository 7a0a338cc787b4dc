"""The workers of this machine for a user's script: each run has a process for itself, and a GPU where there are any."""

from collections.abc import Sequence
from functools import partial

import torch

from hpsearch.workers.pool import MachinePool, Processes, processes
from hpsearch.workers.process import ProcessWorker
from hpsearch.workers.run import Run
from hpsearch.workers.worker import Worker


def room(count: int | None, runs: int) -> int:
    """The number of runs that train beside each other. count: of processes, if one is asked for."""
    return count or (min(torch.cuda.device_count(), runs) or processes(runs))


class ScriptPool(MachinePool):
    """Trains one run in each process. Without a number of processes: one a GPU, or one a core."""

    def __init__(self, lanes: int, expected: int, runs: Sequence[Run], given: Processes) -> None:
        super().__init__(lanes, expected, (), given)
        gpus, count = torch.cuda.device_count(), room(given.count, min(lanes, expected))
        threads = given.threads or max(1, torch.get_num_threads() // count)
        new = partial(ProcessWorker, threads, timeout=given.timeout, scripts=True)
        self._on_cpu = [new(device=number % gpus if gpus else None) for number in range(count)]
        self.lanes = count

    def workers_for(self, run: Run) -> Sequence[Worker]:
        return self._on_cpu
