"""Set the number of threads of PyTorch's operations."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from hpsearch.components.architecture.model import Model

SMALL = 10_000_000  # multiply-adds of a step, below which a second thread inside an operation gains nothing


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Inside, operations called from this thread use `count` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def threads_for(model: Model, batch_size: int, parameters: int) -> AbstractContextManager[None]:
    """Inside, the operations of a small net use one thread; so do those of lanes one after the other, because there a
    lane's bits would depend on the number of threads."""
    return threads(torch.get_num_threads() if gains_from_threads(model, batch_size, parameters) else 1)


def gains_from_threads(model: Model, batch_size: int, parameters: int) -> bool:
    """True if the operations of a net are faster with several threads."""
    return batch_size * parameters >= SMALL and model.together
