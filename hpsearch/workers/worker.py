"""The protocol of a worker: a process or device that trains lanes of its own."""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hpsearch.engine.result import History, Result
from hpsearch.engine.trainer import Trainer

Entering = tuple[Hashable, Callable[[], Trainer], list[tuple[int, Any]]]  # stack key, its trainer, numbered lane specs
Left = list[tuple[int, Result | Exception]]  # an exception: the test raised


@dataclass
class Round:
    """The answer of a worker to a round.

    histories: of each run that trained an epoch. left: the runs that have ended by themselves. raised: the stacks that
    raised; the worker has dropped them with their runs. lost: the reason, if the worker has ended with all its runs.
    """

    histories: dict[int, History] = field(default_factory=dict)
    left: Left = field(default_factory=list)
    raised: list[tuple[Hashable, Exception]] = field(default_factory=list)
    lost: Exception | None = None


class Worker(Protocol):
    """Trains stacks. A round is asked for and read later, so that all workers train at the same time."""

    def ask_round(self, entering: Sequence[Entering], resting: Collection[int]) -> None:
        """Request a round: runs take lanes, every lane but those of `resting` runs trains an epoch, and the runs leave
        that are finished or have diverged."""

    @property
    def answered(self) -> bool:
        """True if `round` would not have to wait."""

    def round(self) -> Round:
        """The result of the round."""

    def prune(self, runs: Collection[int]) -> Left:
        """Let runs leave between two rounds; their results."""

    def close(self) -> None:
        """End the worker, whatever it does."""
