"""How many lanes a stack should have: found while they train.

The more lanes, the less of a step's launches each of them pays. But where their weights and the optimizer's numbers no
longer fit the processor's cache, every operation waits for the memory, and two stacks of half the lanes, one after the
other, take less time. Where that begins depends on the net, the processor and who else uses it.
"""

import math
from collections.abc import Generator

GAIN = 0.9  # of the time before, at most, that a smaller size has to take: less may be chance


class StackSize:
    """Asked before each epoch and told its time. tries: whether it tries others than all lanes."""

    def __init__(self, tries: bool) -> None:
        self._tries = tries
        self._lanes = 0  # the most that there were

    def next(self, lanes: int) -> int:
        """The most lanes of a stack in the next epoch of so many."""
        if lanes > self._lanes:
            self._lanes, self._search = lanes, _search(lanes, self._tries)
            self._size = next(self._search)
        return self._size

    def took(self, lanes: int, seconds: float) -> None:
        """What that epoch took."""
        self._size = self._search.send(seconds / lanes)


def _search(size: int, tries: bool) -> Generator[int, float, None]:
    """Yields sizes and is sent the seconds a lane: all lanes, then half of that, as long as it takes less.

    Two epochs in each size, of which the better one counts: the first also has to find its memory. The first two of all
    do not count, in which a process warms up.
    """
    best, least = size, math.inf
    yield size
    yield size
    while tries and (seconds := min((yield size), (yield size))) <= GAIN * least:
        best, least = size, seconds
        size, tries = -(-size // 2), size > 1
    while True:
        yield best
