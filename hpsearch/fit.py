"""How a classifier runs: fitted at once, as a run of one epoch, with the same result as the engine's."""

import warnings
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from math import nan
from time import perf_counter
from typing import Any

import numpy as np
import torch

from hpsearch.data import Dataset, Part
from hpsearch.engine import EVALUATION_BATCH, History, Result


@dataclass(frozen=True)
class Fit:
    """One classifier with one seed."""

    estimator: Any
    seed: int
    epochs: int = 1


@dataclass(frozen=True)
class FitProgram:
    """What the fits of a stack share."""

    data: Dataset
    device: torch.device = torch.device("cpu")


class Fitting:
    """As `hpsearch.engine.Training`, but an epoch fits one run and the others wait for theirs."""

    def __init__(self, program: FitProgram) -> None:
        self._data = program.data
        self._waiting: deque[tuple[int, Fit]] = deque()
        self._fitted: list[tuple[int, Result]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def indices(self) -> list[int]:
        """The numbers of the runs."""
        return [index for index, _ in self._waiting]

    def enter(self, index: int, run: Fit) -> None:
        """As `hpsearch.engine.Training.enter`."""
        self._waiting.append((index, run))

    def epoch(self) -> dict[int, History]:
        """Fit the first run that waits."""
        index, run = self._waiting[0]
        result = _fit(run, self._data)
        self._waiting.popleft()
        self._fitted.append((index, result))
        return {index: result.history}

    def leave(self, pruned: Collection[int] = ()) -> list[tuple[int, Result]]:
        """As `hpsearch.engine.Training.leave`; a fit is finished after its only epoch."""
        fitted, self._fitted = self._fitted, []
        return fitted


def _fit(run: Fit, data: Dataset) -> Result:
    """The first warning of a fit becomes its reason."""
    from joblib import parallel_config
    from sklearn.base import clone

    started = perf_counter()
    estimator = clone(run.estimator)
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=run.seed)
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


def _evaluate(estimator: Any, part: Part) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], float]:
    """Whether each prediction is right, and the mean cross entropy; nan for a classifier without probabilities."""
    from sklearn.metrics import log_loss

    x, y = part.x.numpy(), part.y.numpy()
    if not hasattr(estimator, "predict_proba"):
        return estimator.predict(x) == y, nan
    probabilities = estimator.predict_proba(x)
    return estimator.classes_[probabilities.argmax(1)] == y, float(
        log_loss(y, probabilities, labels=estimator.classes_)
    )
