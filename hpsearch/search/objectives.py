"""The objectives of a search."""

import math
from collections.abc import Callable

from hpsearch.engine.result import History, Result

OBJECTIVES: dict[str, tuple[str, Callable[[Result], float]]] = {  # name -> direction, a run's value
    "val_accuracy": ("maximize", lambda result: result.history.val_accuracy[-1]),
    "val_loss": ("minimize", lambda result: result.history.val_loss[-1]),
    "seconds": ("minimize", lambda result: result.seconds),
    "parameters": ("minimize", lambda result: math.nan if result.parameters is None else result.parameters),
}
WORST = {"val_accuracy": 0.0}  # the value of a run that diverged; the other objectives have no worst value


def curve_of(history: History | None, objective: str) -> list[float]:
    """The values of the objective by epoch."""
    history = history or History()
    return history.val_loss if objective == "val_loss" else history.val_accuracy


def value_of(result: Result, objective: str) -> float:
    """The value of the objective for a run."""
    if result.status == "diverged" and objective in WORST:
        return WORST[objective]
    return OBJECTIVES[objective][1](result)
