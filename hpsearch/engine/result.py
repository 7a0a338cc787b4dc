"""The product of training a run: its history by epoch and its result."""

from dataclasses import dataclass, field
from typing import Any

from hpsearch.engine.place import Place


@dataclass
class History:
    """One number an epoch. Losses are means over samples; val_metric is the metric that selects."""

    train_loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_metric: list[float] = field(default_factory=list)

    def since(self, epoch: int) -> "list[tuple[float, float, float]]":
        """The numbers of each epoch after `epoch`; of the last one with -1."""
        rows = zip(self.train_loss[epoch:], self.val_loss[epoch:], self.val_metric[epoch:], strict=True)
        return list(rows)

    def add(self, train_loss: float, val_loss: float, val_metric: float) -> None:
        """Add the numbers of an epoch."""
        self.train_loss.append(train_loss)
        self.val_loss.append(val_loss)
        self.val_metric.append(val_metric)


@dataclass
class Result:
    """The outcome of a run that did not fail.

    status: finished, pruned or diverged; only finished runs see the test split.
    reason: one line, or None.
    metric: the name of the metric that selects.
    seconds: the run's share of the time in training.
    lanes: the most runs that trained beside it, itself included.
    parameters: the number of trained values; None for a classifier.
    epoch: the epoch, from 1, whose weights are judged: the last one, or the best one of a run that may stop early.
    metrics: by name, e.g. train_loss, val_accuracy, test_accuracy, of that epoch.
    test_samples: the number of test samples.
    test_correct, test_total: right predictions and samples in each batch of `EVALUATION_BATCH` test samples, in file
    order; empty for a regression.
    weights: the net's tensors by name, as arrays; None if they are not kept.
    curves: of further values, by name, as long as the history.
    place: the hardware that it trained on; None if that is not known.
    """

    status: str
    reason: str | None
    history: History
    seconds: float
    lanes: int
    parameters: int | None = None
    epoch: int = 0
    metric: str = "accuracy"
    metrics: dict[str, float] = field(default_factory=dict)
    test_samples: int = 0
    test_correct: list[int] = field(default_factory=list)
    test_total: list[int] = field(default_factory=list)
    weights: dict[str, Any] | None = None
    curves: dict[str, list[float]] = field(default_factory=dict)
    place: Place | None = None

    @property
    def value(self) -> float:
        """The number that selects: of the validation split."""
        return self.metrics[f"val_{self.metric}"]
