"""The workers of one machine: this process, and on a CPU a forked process for each core."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from hpsearch.workers.forked import ForkedWorker
from hpsearch.workers.local import LocalWorker
from hpsearch.workers.worker import Worker


def processes(runs: int) -> int:
    """The number of processes that train `runs` runs at a time on the CPU: one a core if there is a run for each."""
    cores = torch.get_num_threads()
    return cores if sys.platform == "linux" and cores <= runs else 1  # elsewhere none can be forked, or not safely


@contextmanager
def open_workers(runs: int) -> Iterator[tuple[Worker, Sequence[Worker]]]:
    """This process, and the workers for `runs` runs at a time on the CPU. Leaving the context ends their processes."""
    local, count = LocalWorker(), processes(runs)
    forked = [ForkedWorker() for _ in range(count)] if count > 1 else []
    try:
        yield local, forked or [local]
    finally:
        for worker in forked:
            worker.close()
