"""How a classifier runs: fitted at once, as a run of one epoch, with the same result as the engine's."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan
from time import perf_counter
from typing import Any

import numpy as np
import torch

from hpsearch.data import Dataset, Part
from hpsearch.engine import EVALUATION_BATCH, History, Report, Result


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


def train(
    runs: Sequence[Fit], program: FitProgram, lanes: int, report: Report = lambda histories: None
) -> Iterator[tuple[int, Result]]:
    """As `hpsearch.engine.train`, one run after the other. The first warning of a fit becomes its reason."""
    from joblib import parallel_config
    from sklearn.base import clone

    train = program.data.train
    for index, run in enumerate(runs):
        started = perf_counter()
        estimator = clone(run.estimator)
        if "random_state" in estimator.get_params():
            estimator.set_params(random_state=run.seed)
        with (
            parallel_config("threading", n_jobs=torch.get_num_threads()),
            warnings.catch_warnings(record=True) as caught,
        ):
            warnings.simplefilter("always")
            estimator.fit(train.x.numpy(), train.y.numpy())
            correct, loss = _evaluate(estimator, program.data.validation)
            test_correct, test_loss = _evaluate(estimator, program.data.test)
        history = History([nan], [loss], [correct.mean().item()])
        seconds = perf_counter() - started
        batches = torch.from_numpy(test_correct).split(EVALUATION_BATCH)
        reason = f"{caught[0].category.__name__}: {str(caught[0].message).splitlines()[0]}" if caught else None
        report([history])
        yield (
            index,
            Result(
                "finished",
                reason,
                history,
                seconds,
                lanes=1,
                test_loss=test_loss,
                test_correct=[int(batch.sum()) for batch in batches],
                test_total=[len(batch) for batch in batches],
            ),
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
