"""The objectives of a search: the metric that selects, the validation loss, the time or the size."""

import math
from collections.abc import Sequence

from hpsearch.components.metric import METRICS, Metric
from hpsearch.engine.result import History, Result
from hpsearch.errors import require
from hpsearch.record.measure import Measure


def directions_of(objectives: list[str], metric: Metric | Measure) -> list[str]:
    """minimize or maximize, for each objective. Raises OutOfRange for an unknown one.

    A script's further objectives are any values that it reports but those of the test part; "" for their direction.
    """
    known = {
        f"val_{metric.name}": "maximize" if metric.maximize else "minimize",
        "val_loss": "minimize",
        "seconds": "minimize",
        **({} if isinstance(metric, Measure) else {"parameters": "minimize"}),
    }
    unknown = [name for name in objectives if name not in known]
    reported = isinstance(metric, Measure) and len(objectives) > 1
    chosen = [name for name in unknown if name.startswith("test_") or not reported]
    valid = objectives and not chosen and len(set(objectives)) == len(objectives)
    require(bool(valid), "hydra.sweeper.objective", objectives, f"one or several of {', '.join(known)}")
    return [known.get(name, "") for name in objectives]


def curve_of(history: History | None, objective: str) -> list[float]:
    """The values of the objective by epoch."""
    history = history or History()
    return history.val_loss if objective == "val_loss" else history.val_metric


def value_of(result: Result, objective: str, maximize: bool) -> float:
    """The value of the objective for a run; nan if it has none. A run that diverged has the worst one, so that the
    sampler learns from it: a share of 0, or an infinite error."""
    if result.status == "diverged" and objective.startswith("val_"):
        metric = METRICS.get(objective.removeprefix("val_"))
        share = metric is not None and metric.unit == "%" and maximize
        return 0.0 if share else -math.inf if maximize else math.inf
    if objective == "seconds":
        return result.seconds
    if objective == "parameters" and result.parameters is not None:
        return result.parameters
    curve = result.curves.get(objective)
    return result.metrics.get(objective, math.nan if curve is None else curve[result.epoch - 1])


def reason_without(objectives: Sequence[str], result: Result) -> str:
    """The reason of a trial with a run that has no number for some objectives."""
    numbers = {name for name, value in result.metrics.items() if math.isfinite(value) and not name.startswith("test_")}
    has = ", ".join(sorted(numbers | result.curves.keys() - {"epoch"})) or "none"
    return f"hydra.sweeper.objective={','.join(objectives)}: a run has no number of this name; it has {has}"
