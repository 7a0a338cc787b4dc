"""Try the parts of a run before anything trains, because a plugin's part may be wrong: each fault is a line."""

import math
import warnings
from functools import lru_cache

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
