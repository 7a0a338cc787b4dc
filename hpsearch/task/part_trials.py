"""Try the parts of a run before anything trains, because a plugin's part may be wrong: each fault is a line."""

import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from hpsearch.components import registry
from hpsearch.components.data.dataset import Dataset, Split
from hpsearch.components.init import Init
from hpsearch.components.layers import ACTIVATIONS
from hpsearch.components.metric import Metric
from hpsearch.components.schedule import Schedule
from hpsearch.components.target import Quantity
from hpsearch.engine.evaluate import unstandardised
from hpsearch.errors import UsageError, require

MOST_UNITS = 1_000_000
MOST_TREES = 1_000_000
LEAST_WORK = ("max_iter", "n_estimators", "n_neighbors")  # options of scikit-learn's; 1 is enough to fit
ROWS_OF_A_CLASS = 3
OPTIMIZER = ("kind", "buffers", "values", "update")


def try_init(name: str, init: Init) -> None:
    """Raise UsageError unless an initialiser fills the weight that it is given."""
    weight = torch.full((2, 2), math.nan)
    with registry.named_errors("init", name):
        init(weight, generator=torch.Generator())
    filled = bool(weight.isfinite().all())
    require(filled, "name", name, "an initialiser that fills the weight it is given with finite numbers")


def try_schedule(name: str, schedule: Schedule) -> None:
    """Raise UsageError unless a schedule gives a finite number, or one for each step."""
    with registry.named_errors("schedule", name):
        factors = np.asarray(schedule(np.arange(5), 7))
    numbers = factors.dtype.kind in "biuf" and factors.shape in ((), (5,)) and bool(np.isfinite(factors).all())
    require(numbers, "name", name, "a schedule that gives a finite number for each step")


def try_optimizer(name: str, optimizer: object) -> None:
    """Raise UsageError unless an optimizer has all that a stack uses."""
    absent = [attribute for attribute in OPTIMIZER if not hasattr(optimizer, attribute)]
    require(not absent, "name", name, f"an optimizer that has {', '.join(OPTIMIZER)}; it has no {', '.join(absent)}")


def try_activation(name: object) -> None:
    """Raise UsageError unless an activation keeps the shape of a tensor. name: of another kind of net, any value."""
    if isinstance(name, str) and name in ACTIVATIONS:
        h = torch.linspace(-1, 1, 6).view(2, 3)
        with registry.named_errors("activation", name):
            found = ACTIVATIONS[name](h, 0.01)
        kept = isinstance(found, torch.Tensor) and found.shape == h.shape
        require(kept, "activation", name, "a function that gives a tensor of the same shape")


def try_classifier(estimator: Any, seed: int, data: Dataset) -> None:
    """Raise UsageError or ValueError unless a classifier can be fitted: with this seed, and on a few rows of each class
    with the least work."""
    options, rows = estimator.get_params(), len(data.train)
    if "random_state" in options and not 0 <= seed < 2**32:
        raise UsageError([f"seed={seed}: must be at least 0 and below 2**32 for {type(estimator).__name__}"])
    neighbors = options.get("n_neighbors", 1)
    require(neighbors <= rows, "n_neighbors", neighbors, f"at most {rows}, the training rows")
    for units in options.get("hidden_layer_sizes", ()):
        whole = isinstance(units, int) and 1 <= units <= MOST_UNITS
        must = f"layers of 1 to {MOST_UNITS:,} units"
        require(whole, "hidden_layer_sizes", options["hidden_layer_sizes"], must)
    require(options.get("kernel") != "precomputed", "kernel", "precomputed", "a kernel of samples")
    trees = options.get("n_estimators", 1)
    require(trees <= MOST_TREES, "n_estimators", trees, f"at most {MOST_TREES:,}")
    _try_fit(repr(estimator), _Trial(estimator, data))


@dataclass(frozen=True, eq=False)
class _Trial:
    """A classifier and its data, equal to any other, because `_try_fit` remembers by its first argument."""

    estimator: Any
    data: Dataset

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Trial) and other.data is self.data

    def __hash__(self) -> int:
        return id(self.data)


@lru_cache(64)
def _try_fit(name: str, trial: _Trial) -> None:
    from sklearn.base import clone
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # which scikit-learn needs

    estimator, split = clone(trial.estimator), trial.data.train
    least = {key: 1 for key in LEAST_WORK if key in estimator.get_params()}
    classes = split.y.unique()
    rows = torch.cat([torch.nonzero(split.y == each)[:ROWS_OF_A_CLASS, 0] for each in classes])
    with threadpool_limits(1), warnings.catch_warnings():  # because processes are forked later
        warnings.simplefilter("ignore")  # of a fit that ends early
        estimator.set_params(**least).fit(split.x[rows].numpy(), split.y[rows].numpy())


@lru_cache(64)
def try_metric(metric: Metric, data: Dataset, key: str) -> None:
    """Raise UsageError unless a metric has a value on right predictions of the splits that it will judge."""
    for part, split in (("validation", data.validation), ("test", data.test)):
        if len(split):
            _try_metric(metric, data, split, key, part)


def _try_metric(metric: Metric, data: Dataset, split: Split, key: str, part: str) -> None:
    y = unstandardised(split.y.numpy(), data.target)
    right = y.copy()
    if metric.reads == "probabilities" and not isinstance(data.target, Quantity):
        right = np.eye(data.target.outputs)[y] * 0.9 + 0.1 / data.target.outputs
    with warnings.catch_warnings(record=True) as caught, registry.named_errors("metric", metric.name):
        warnings.simplefilter("always")
        value = metric.function(y, right)
    said = f": {str(caught[0].message).splitlines()[0]}" if caught else ""
    if not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
        fault = f"has no value on the {len(split):,} rows for {part}, but {value!r}{said}"
        raise UsageError([f"{key}={metric.name}: {fault}"])
