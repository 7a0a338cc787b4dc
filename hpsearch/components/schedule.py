"""Learning-rate schedules: the factor on lr at each step of a run.

A schedule maps (step, steps) to factors [n] float64. step: [n] step numbers from 0; steps: the run's total. To add one,
write a class like `Cosine`, name it in `SCHEDULES` and add ``conf/schedule/<name>.yaml``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

import numpy as np

from hpsearch.components import registry
from hpsearch.errors import require

Schedule = Callable[[np.ndarray, int], np.ndarray]


def _half_cosine(start: float, end: float, fraction: np.ndarray) -> np.ndarray:
    return end + (start - end) * (1 + np.cos(np.pi * fraction)) / 2


@dataclass(frozen=True)
class Constant:
    """The factor 1 throughout."""

    def __call__(self, step: np.ndarray, steps: int) -> np.ndarray:
        return np.ones(len(step))


@dataclass(frozen=True)
class Cosine:
    """From 1 to `final` along half a cosine: `torch.optim.lr_scheduler.CosineAnnealingLR`, stepped after each batch."""

    final: float

    def __post_init__(self) -> None:
        require(0 <= self.final < np.inf, "final", self.final, "at least 0")

    def __call__(self, step: np.ndarray, steps: int) -> np.ndarray:
        return _half_cosine(1, self.final, step / steps)


@dataclass(frozen=True)
class OneCycle:
    """From `start` to 1 in the first fraction `warmup` of the steps, then to `final`, each along half a cosine.

    `torch.optim.lr_scheduler.OneCycleLR` with cycle_momentum=False (Smith and Topin, 2018).
    """

    warmup: float
    start: float
    final: float

    def __post_init__(self) -> None:
        require(0 <= self.warmup < 1, "warmup", self.warmup, "at least 0 and below 1")
        require(0 < self.start < np.inf, "start", self.start, "above 0")
        require(0 <= self.final < np.inf, "final", self.final, "at least 0")

    def __call__(self, step: np.ndarray, steps: int) -> np.ndarray:
        peak = self.warmup * steps - 1
        up = _half_cosine(self.start, 1, step / peak) if peak > 0 else np.ones(len(step))
        down = _half_cosine(1, self.final, np.clip((step - peak) / max(steps - 1 - peak, 1), 0, 1))
        return np.where(step <= peak, up, down)


def _registered(schedule: Callable[..., Any], name: str) -> Callable[..., Schedule]:
    """A class of options as it is; a function of (step, steps, **options) with its options bound."""
    if isinstance(schedule, type):
        return schedule

    @wraps(schedule)
    def bound(**options: Any) -> Schedule:
        return partial(schedule, **options)

    return bound


_own: dict[str, Callable[..., Schedule]] = {"constant": Constant, "cosine": Cosine, "one_cycle": OneCycle}
SCHEDULES = registry.table("schedule", _own, _registered, leading=2)
