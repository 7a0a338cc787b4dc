"""Learning-rate schedules: the factor on lr at each step of a run.

A schedule maps (step, steps) to factors [n] float64. step: [n] step numbers from 0; steps: the run's total. To add
one, write a function of its options that returns a schedule, name it in `SCHEDULES` and add
``conf/schedule/<name>.yaml``. Schedules are pickled, so they are `partial`s and not closures.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from hpsearch.errors import require

Schedule = Callable[[np.ndarray, int], np.ndarray]


def _cosine(start: float, end: float, fraction: np.ndarray) -> np.ndarray:
    return end + (start - end) * (1 + np.cos(np.pi * fraction)) / 2


def _constant(step: np.ndarray, steps: int) -> np.ndarray:
    return np.ones(len(step))


def constant() -> Schedule:
    """The factor 1 throughout."""
    return _constant


def _cosine_annealing(step: np.ndarray, steps: int, final: float) -> np.ndarray:
    return _cosine(1, final, step / steps)


def cosine(final: float) -> Schedule:
    """From 1 to `final` along half a cosine: `torch.optim.lr_scheduler.CosineAnnealingLR`, stepped after each batch."""
    require(0 <= final < np.inf, "final", final, "at least 0")
    return partial(_cosine_annealing, final=final)


def _one_cycle(step: np.ndarray, steps: int, warmup: float, start: float, final: float) -> np.ndarray:
    peak = warmup * steps - 1
    up = _cosine(start, 1, step / peak) if peak > 0 else np.ones(len(step))
    down = _cosine(1, final, np.clip((step - peak) / max(steps - 1 - peak, 1), 0, 1))
    return np.where(step <= peak, up, down)


def one_cycle(warmup: float, start: float, final: float) -> Schedule:
    """From `start` to 1 in the first fraction `warmup` of the steps, then to `final`, each along half a cosine.

    `torch.optim.lr_scheduler.OneCycleLR` with cycle_momentum=False (Smith and Topin, 2018).
    """
    require(0 <= warmup < 1, "warmup", warmup, "at least 0 and below 1")
    require(0 < start < np.inf, "start", start, "above 0")
    require(0 <= final < np.inf, "final", final, "at least 0")
    return partial(_one_cycle, warmup=warmup, start=start, final=final)


SCHEDULES: dict[str, Callable[..., Schedule]] = {"constant": constant, "cosine": cosine, "one_cycle": one_cycle}
