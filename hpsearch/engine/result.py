"""The product of training a run: its history by epoch and its result."""

from dataclasses import dataclass, field


@dataclass
class History:
    """One number an epoch. Losses are means over samples, accuracies fractions."""

    train_loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)


@dataclass
class Result:
    """The outcome of a run that did not fail.

    status: finished, pruned or diverged; only finished runs see the test split.
    reason: one line, or None.
    seconds: the run's share of the time in training.
    lanes: the most runs that trained beside it, itself included.
    parameters: the number of trained values; None for a classifier.
    test_correct, test_total: counts for each batch of `EVALUATION_BATCH` test samples, in file order.
    """

    status: str
    reason: str | None
    history: History
    seconds: float
    lanes: int
    parameters: int | None = None
    test_loss: float | None = None
    test_correct: list[int] = field(default_factory=list)
    test_total: list[int] = field(default_factory=list)
