"""Find the best number of lanes of a stack, while the lanes train.

More lanes share the launches of a step. But once the weights and the optimizer's numbers outgrow the processor's cache,
every operation waits for the memory, and two stacks of half the lanes, one after the other, take less time. The limit
depends on the net, the processor and its other users.
"""

import math
from collections.abc import Generator

GAIN = 0.9  # a smaller size must take at most this fraction of the time, because less gain may be chance


class StackSize:
    """Call `next` before each epoch and `took` after it. tries: True to try smaller sizes than all lanes."""

    def __init__(self, tries: bool) -> None:
        self._tries = tries
        self._lanes = 0  # the largest number so far

    def next(self, lanes: int) -> int:
        """The largest size of a stack in the next epoch, of `lanes` lanes in all."""
        if lanes > self._lanes:
            self._lanes, self._search = lanes, _search(lanes, self._tries)
            self._size = next(self._search)
        return self._size

    def took(self, lanes: int, seconds: float) -> None:
        """Take the time of that epoch."""
        self._size = self._search.send(seconds / lanes)


def _search(size: int, tries: bool) -> Generator[int, float, None]:
    """Yields a size for each epoch and receives its seconds per lane. Halves the size while that saves time.

    The better of two epochs counts for a size, because the first also allocates memory. The first two epochs of all do
    not count, because the process warms up.
    """
    best, least = size, math.inf
    yield size
    yield size
    while tries and (seconds := min((yield size), (yield size))) <= GAIN * least:
        best, least = size, seconds
        size, tries = -(-size // 2), size > 1
    while True:
        yield best
