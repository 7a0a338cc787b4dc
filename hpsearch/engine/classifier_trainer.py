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
from hpsearch.engine.evaluate import EVALUATION_BATCH
from hpsearch.engine.result import History, Result


@dataclass(frozen=True)
class ClassifierSpec:
    """One classifier with one seed."""

    estimator: Any
    seed: int
    epochs: int = 1


@dataclass(frozen=True)
class ClassifierStackSpec:
    """The part that the classifiers of a stack share."""

    data: Dataset
    device: torch.device = torch.device("cpu")


class ClassifierTrainer:
    """A `Trainer` whose epoch fits one run while the others wait for theirs."""

    def __init__(self, spec: ClassifierStackSpec) -> None:
        self._data = spec.data
        self._waiting: deque[tuple[int, ClassifierSpec]] = deque()
        self._fitted: list[tuple[int, Result]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def indices(self) -> list[int]:
        return [index for index, _ in self._waiting]

    def enter(self, index: int, spec: ClassifierSpec) -> None:
        self._waiting.append((index, spec))

    def epoch(self) -> dict[int, History]:
        """Fit the first run that waits."""
        index, spec = self._waiting[0]
        result = _fit(spec, self._data)
        self._waiting.popleft()
        self._fitted.append((index, result))
        return {index: result.history}

    def leave(self, pruned: Collection[int] = ()) -> list[tuple[int, Result]]:
        """A classifier is finished after its only epoch."""
        fitted, self._fitted = self._fitted, []
        return fitted


def _fit(spec: ClassifierSpec, data: Dataset) -> Result:
    """Fit and test a classifier. The first warning becomes the reason of the result."""
    from joblib import parallel_config
    from sklearn.base import clone

    started = perf_counter()
    estimator = clone(spec.estimator)
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=spec.seed)
    with (
        parallel_config("threading", n_jobs=torch.get_num_threads()),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        estimator.fit(data.train.x.numpy(), data.train.y.numpy())
        correct, loss = _evaluate(estimator, data.validation)
        test_correct, test_loss = _evaluate(estimator, data.test)
    seconds = perf_counter() - started
    batches = torch.from_numpy(test_correct).split(EVALUATION_BATCH)
    return Result(
        "finished",
        f"{caught[0].category.__name__}: {str(caught[0].message).splitlines()[0]}" if caught else None,
        History([nan], [loss], [correct.mean().item()]),
        seconds,
        lanes=1,
        test_loss=test_loss,
        test_correct=[int(batch.sum()) for batch in batches],
        test_total=[len(batch) for batch in batches],
    )


def _evaluate(estimator: Any, split: Split) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], float]:
    """True for each right prediction, [n], and the mean cross entropy; nan without probabilities."""
    from sklearn.metrics import log_loss

    x, y = split.x.numpy(), split.y.numpy()
    if not hasattr(estimator, "predict_proba"):
        return estimator.predict(x) == y, nan
    probabilities = estimator.predict_proba(x)
    return estimator.classes_[probabilities.argmax(1)] == y, float(
        log_loss(y, probabilities, labels=estimator.classes_)
    )
