"""A trial in evaluation: one configuration on its seeds, which train beside each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optuna.trial import Trial

if TYPE_CHECKING:
    from hpsearch.engine.result import History
    from hpsearch.workers.run import Outcome


@dataclass(eq=False)
class Evaluation:
    """A trial and its runs. waves: the seeds that are still to come; the seeds of a wave train beside each other."""

    trial: Trial
    overrides: list[str]
    waves: list[list[int]]
    runs: dict[int, int] = field(default_factory=dict)  # seed -> number of its run
    histories: dict[int, History] = field(default_factory=dict)  # by seed
    outcomes: dict[int, Outcome] = field(default_factory=dict)  # by seed
    reported: int = 0
    pruned: bool = False

    @property
    def waiting(self) -> bool:
        """True if a run of the last wave has not ended."""
        return len(self.outcomes) < len(self.runs)

    def seed_of(self, number: int) -> int:
        """The seed of a run."""
        return next(seed for seed, its in self.runs.items() if its == number)
