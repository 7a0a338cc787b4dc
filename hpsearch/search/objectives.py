"""The objectives of a search, and the value of a run in each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a fault in a search's settings is found without torch
    from hpsearch.engine.result import History, Result

OBJECTIVES: dict[str, tuple[str, Callable[[Result], float]]] = {  # name -> direction, value of a finished run
    "val_accuracy": ("maximize", lambda result: result.history.val_accuracy[-1]),
    "val_loss": ("minimize", lambda result: result.history.val_loss[-1]),
    "seconds": ("minimize", lambda result: result.seconds),
    "parameters": ("minimize", lambda result: math.nan if result.parameters is None else result.parameters),
}
WORST = {"val_accuracy": 0.0}  # the value of a run that diverged; the other objectives have no worst value


def curve_of(history: History | None, objective: str) -> list[float]:
    """The objective by epoch."""
    if history is None:
        return []
    return history.val_loss if objective == "val_loss" else history.val_accuracy


def value_of(result: Result, objective: str) -> float:
    """The objective of one run."""
    if result.status == "diverged" and objective in WORST:
        return WORST[objective]
    return OBJECTIVES[objective][1](result)
