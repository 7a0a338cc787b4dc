"""The trainer of scikit-learn's classifiers: each is fitted at once, as a run of one epoch."""

import warnings
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from math import nan
from time import perf_counter
from typing import Any

import numpy as np
import torch

from hpsearch.components.data.dataset import Dataset, Split
from hpsearch.components.metric import METRICS, Metric
from hpsearch.engine.evaluate import counts
from hpsearch.engine.place import place_of
from hpsearch.engine.result import History, Result


@dataclass(frozen=True)
class ClassifierSpec:
    """One classifier with one seed. data: a split of the data of its own; None: the stack's."""

    estimator: Any
    seed: int
    data: Dataset | None = None
    epochs: int = 1


@dataclass(frozen=True)
class ClassifierStackSpec:
    """The part that the classifiers of a stack share."""

    data: Dataset
    device: torch.device = torch.device("cpu")
    metric: Metric = METRICS["accuracy"]
    more: tuple[Metric, ...] = ()


class ClassifierTrainer:
    """A `Trainer` whose epoch fits one run while the others wait for theirs."""

    def __init__(self, spec: ClassifierStackSpec) -> None:
        self._spec = spec
        self._waiting: deque[tuple[int, ClassifierSpec]] = deque()
        self._fitted: list[tuple[int, Result]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def indices(self) -> list[int]:
        return [index for index, _ in self._waiting]

    def enter(self, index: int, spec: ClassifierSpec) -> None:
        self._waiting.append((index, spec))

    def epoch(self, resting: Collection[int] = ()) -> dict[int, History]:
        """Fit the first run that waits. None rests, because each ends here."""
        index, spec = self._waiting[0]
        result = _fit(spec, self._spec)
        self._waiting.popleft()
        self._fitted.append((index, result))
        return {index: result.history}

    def save(self) -> None:
        """A classifier has no epochs between which it could stop."""

    def leave(self, pruned: Collection[int] = ()) -> list[tuple[int, Result | Exception]]:
        """A classifier is finished after its only epoch."""
        fitted, self._fitted = self._fitted, []
        return [*fitted]


def _fit(spec: ClassifierSpec, stack: ClassifierStackSpec) -> Result:
    """Fit and test a classifier. The first warning becomes the reason of the result."""
    from joblib import parallel_config
    from sklearn.base import clone

    started, data = perf_counter(), spec.data or stack.data
    estimator = clone(spec.estimator)
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=spec.seed)
    with (
        parallel_config("threading", n_jobs=torch.get_num_threads()),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        estimator.fit(data.train.x.numpy(), data.train.y.numpy())
        metrics = {"train_loss": nan} | _judged("val", estimator, data.validation, stack)
        metrics |= _judged("test", estimator, data.test, stack)
        right = torch.from_numpy(estimator.predict(data.test.x.numpy()) == data.test.y.numpy())
    seconds = perf_counter() - started
    correct, total = counts(right)
    return Result(
        "finished",
        f"{caught[0].category.__name__}: {str(caught[0].message).splitlines()[0]}" if caught else None,
        History([nan], [metrics["val_loss"]], [metrics[f"val_{stack.metric.name}"]]),
        seconds,
        lanes=1,
        epoch=1,
        metric=stack.metric.name,
        metrics=metrics,
        test_samples=len(data.test),
        test_correct=correct,
        test_total=total,
        place=place_of(stack.device),
    )


def _judged(part: str, estimator: Any, split: Split, stack: ClassifierStackSpec) -> dict[str, float]:
    """The metrics and the mean cross entropy on a split, by name; nan without probabilities, or without samples."""
    from sklearn.metrics import log_loss

    metrics = (stack.metric, *stack.more)
    if not len(split):
        return dict.fromkeys([f"{part}_loss", *(f"{part}_{metric.name}" for metric in metrics)], nan)
    x, y, classes = split.x.numpy(), split.y.numpy(), stack.data.target.outputs
    probabilities = np.full((len(y), classes), nan)
    labels, loss = estimator.predict(x), nan
    if hasattr(estimator, "predict_proba"):
        probabilities[:] = 0
        probabilities[:, estimator.classes_] = estimator.predict_proba(x)
        labels = probabilities.argmax(1)
        loss = float(log_loss(y, probabilities[:, estimator.classes_], labels=estimator.classes_))
    read = {"labels": labels, "probabilities": probabilities}
    known = loss == loss
    found = {
        f"{part}_{m.name}": float(m.function(y, read[m.reads])) if known or m.reads == "labels" else nan
        for m in metrics
    }
    return {f"{part}_loss": loss} | found
