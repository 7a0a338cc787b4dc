"""Metrics: ``metric=``, the number that selects, prunes, stops early and stands in every table.

A metric is a function of (y, prediction) on the host, outside the inner loop: scikit-learn's where it has one. To add
one, write a function and name it in `METRICS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from hpsearch.components import registry
from hpsearch.errors import require

Values = np.ndarray


@dataclass(frozen=True)
class Metric:
    """A number that judges predictions.

    function: (y, prediction) -> float. y: [n] class numbers, or values in the target's unit. prediction: [n] the same,
    or [n, classes] probabilities.
    kind: of the target, classification or regression.
    reads: values (of a regression), labels or probabilities.
    unit: "%" for a fraction that is written in percent, "target" for the unit of the target, "" for a plain number.
    """

    name: str
    function: Callable[[Values, Values], float]
    kind: str
    reads: str
    maximize: bool = True
    unit: str = ""

    @property
    def sign(self) -> int:
        """1 if higher is better, else -1: what to multiply values by so that higher is better."""
        return 1 if self.maximize else -1


def accuracy(y: Values, labels: Values) -> float:
    """The fraction of right predictions."""
    return float((y == labels).mean())


def rmse(y: Values, values: Values) -> float:
    """The root of the mean squared error."""
    return float(np.sqrt(np.square(y - values).mean()))


def _sklearn(name: str, y: Values, prediction: Values, **options: Any) -> float:
    """A metric of scikit-learn, imported here because that takes a second."""
    from sklearn import metrics

    return float(getattr(metrics, name)(y, prediction, **options))


def roc_auc(y: Values, probabilities: Values) -> float:
    """The area under the ROC curve; the mean of one class against the rest for more than two."""
    if probabilities.shape[1] == 2:
        return _sklearn("roc_auc_score", y, probabilities[:, 1])
    return _sklearn("roc_auc_score", y, probabilities, multi_class="ovr", labels=range(probabilities.shape[1]))


def log_loss(y: Values, probabilities: Values) -> float:
    """The mean of -log p of the true class."""
    return _sklearn("log_loss", y, probabilities, labels=range(probabilities.shape[1]))


_LABELS, _VALUES = ("classification", "labels"), ("regression", "values")
_own: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", accuracy, *_LABELS, unit="%"),
        Metric("balanced_accuracy", partial(_sklearn, "balanced_accuracy_score"), *_LABELS, unit="%"),
        Metric("f1", partial(_sklearn, "f1_score", average="macro"), *_LABELS, unit="%"),
        Metric("roc_auc", roc_auc, "classification", "probabilities"),
        Metric("log_loss", log_loss, "classification", "probabilities", maximize=False),
        Metric("rmse", rmse, *_VALUES, maximize=False, unit="target"),
        Metric("mae", partial(_sklearn, "mean_absolute_error"), *_VALUES, maximize=False, unit="target"),
        Metric("r2", partial(_sklearn, "r2_score"), *_VALUES),
    )
}
READS = {"labels": "classification", "probabilities": "classification", "values": "regression"}  # -> kind


def _registered(
    function: Callable[[Values, Values], float],
    name: str,
    *,
    maximize: bool | None = None,
    kind: str | None = None,
    reads: str | None = None,
    unit: str = "",
) -> Metric:
    """The metric of a registered function; of `kind` and `reads` one is enough. Raises OutOfRange."""
    if maximize is None:
        raise ValueError("register needs maximize=True or maximize=False")
    reads = reads or ("values" if kind == "regression" else "labels")
    require(reads in READS, "reads", reads, f"one of {', '.join(READS)}")
    require(kind in (None, READS[reads]), "kind", kind, f"{READS[reads]} for reads={reads}")
    require(unit in ("", "%", "target"), "unit", unit, 'one of "", "%", "target"')
    return Metric(name, function, READS[reads], reads, maximize, unit)


METRICS = registry.table("metric", _own, _registered, leading=2, function=True, configured=False)
DEFAULT = {"classification": "accuracy", "regression": "rmse"}


def metric_of(name: str, kind: str, key: str = "metric") -> Metric:
    """The metric `name`, or the default one of a kind of target for ``auto``. Raises OutOfRange of `key`."""
    name = DEFAULT[kind] if name == "auto" else name
    fitting = [metric.name for metric in METRICS.values() if metric.kind == kind]
    require(name in fitting, key, name, f"one of {', '.join(fitting)} for a {kind}")
    return METRICS[name]
