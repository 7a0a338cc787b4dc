"""A trial in evaluation: one configuration on its seeds, which train beside each other."""

from dataclasses import dataclass, field

from optuna.trial import Trial

from hpsearch.engine.result import History, Result


@dataclass(eq=False)
class Batch:
    """Trials that began together. decided: the last step at which they were compared; a run that comes to a later one
    rests there until all of them have."""

    decided: int = 0


@dataclass(eq=False)
class Evaluation:
    """A trial and its runs. waves: the seeds that have not begun, in groups that train beside each other. reported: the
    number of epochs reported to the trial."""

    trial: Trial
    overrides: list[str]
    waves: list[list[int]]
    batch: Batch
    runs: dict[int, int] = field(default_factory=dict)  # seed -> number of its run
    histories: dict[int, History] = field(default_factory=dict)  # by seed
    outcomes: dict[int, Result | Exception] = field(default_factory=dict)  # by seed
    reported: int = 0
    pruned: bool = False

    @property
    def waiting(self) -> bool:
        """True if a run of the last wave has not ended."""
        return len(self.outcomes) < len(self.runs)

    def epochs_of(self, number: int) -> int:
        """The number of epochs that a run has behind it."""
        history = self.histories.get(self.seed_of(number))
        return len(history.val_loss) if history else 0

    def seed_of(self, number: int) -> int:
        """The seed of a run."""
        return next(seed for seed, run in self.runs.items() if run == number)
