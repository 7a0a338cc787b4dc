"""hpsearch's training alone: runs of one program in lanes, without configurations, folders and records."""

import io
import math
import statistics
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial

from hpsearch.components.init import INITS
from hpsearch.components.optimizer import OPTIMIZERS
from hpsearch.components.schedule import SCHEDULES
from hpsearch.engine.result import Result
from hpsearch.engine.spec import LaneSpec, StackSpec
from hpsearch.engine.trainer import StackTrainer
from hpsearch.workers import scheduler
from hpsearch.workers.run import Run, RunList


def stacked(program: StackSpec, points: Sequence[tuple[str, float, int]], epochs: int, lane_count: int = 48) -> float:
    """Trains these (optimizer, learning rate, seed) in so many lanes; returns the mean validation accuracy.

    lane_count: at most; the default is that of ``hydra.launcher.lanes``.
    """
    return statistics.fmean(
        validated(program, [_lane(name, lr, seed, epochs) for name, lr, seed in points], lane_count)
    )


def validated(program: StackSpec, lanes: Sequence[LaneSpec], lane_count: int = 48) -> list[float]:
    """Trains the runs; returns the last value of each one's validation metric."""
    trainer, key = partial(StackTrainer, program), ("", program.device)
    runs = [Run({}, "", [], key, lane, program, trainer) for lane in lanes]
    found = [math.nan] * len(lanes)
    with redirect_stdout(io.StringIO()):  # its progress would stand between the tables
        for index, outcome in scheduler.train(RunList(list(enumerate(runs))), lane_count):
            if not isinstance(outcome, Result):
                raise outcome
            found[index] = outcome.history.val_metric[-1]
    return found


def _lane(name: str, lr: float, seed: int, epochs: int) -> LaneSpec:
    return LaneSpec(seed, epochs, lr, OPTIMIZERS[name](), SCHEDULES["constant"](), INITS["default"], dropout=0.0)
