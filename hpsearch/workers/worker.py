"""The protocol of a worker: a process or device that trains lanes of its own."""

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any, Protocol

from hpsearch.engine.result import History, Result
from hpsearch.engine.trainer import Trainer

Entering = tuple[Hashable, Callable[[], Trainer], list[tuple[int, Any]]]  # stack key, its trainer, numbered lane specs
Round = list[tuple[Hashable, dict[int, History] | Exception]]  # of each stack that trains there
Left = list[tuple[int, Result | Exception]]  # an exception: the test raised


class Worker(Protocol):
    """Trains stacks. Requests return at once and results are read later, so all workers run in parallel."""

    def ask_round(self, entering: Sequence[Entering]) -> None:
        """Request a round: runs take lanes, then every lane trains an epoch.

        A stack that raises is dropped with its runs.
        """

    @property
    def answered(self) -> bool:
        """True if `round` would not have to wait."""

    def round(self) -> Round:
        """The result of the round."""

    def ask_leave(self, pruned: Collection[int]) -> None:
        """Request that runs leave which are finished, have diverged or are `pruned`."""

    def leave(self) -> Left:
        """Their results."""
