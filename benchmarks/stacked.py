"""hpsearch's training alone: runs of one program in lanes, without configurations, folders and records."""

import io
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial

from hpsearch import lanes
from hpsearch.engine import History, Result, Training
from hpsearch.init import INITS
from hpsearch.optim import OPTIMIZERS
from hpsearch.schedules import SCHEDULES
from hpsearch.stack import Program, Run


@dataclass(frozen=True)
class _Work:
    run: Run
    start: Callable[[], Training]
    here: bool
    stack: int = 0


class _Listed:
    """A feed of these runs; none is pruned."""

    searching = False

    def __init__(self, works: Sequence[_Work]) -> None:
        self.runs = len(works)
        self._works = list(enumerate(works))

    def next(self, free: int) -> Sequence[tuple[int, _Work]]:
        works, self._works = self._works, []
        return works

    def prune(self, histories: Mapping[int, History]) -> Collection[int]:
        return ()


def stacked(program: Program, points: Sequence[tuple[str, float, int]], epochs: int, lane_count: int = 48) -> float:
    """Trains these (optimizer, learning rate, seed) in so many lanes; returns the mean validation accuracy.

    lane_count: at most; the default is that of ``hydra.launcher.lanes``.
    """
    start, here = partial(Training, program), program.device.type != "cpu"
    works = [_Work(_run(name, lr, seed, epochs), start, here) for name, lr, seed in points]
    accuracies = []
    with redirect_stdout(io.StringIO()):  # its progress would stand between the tables
        for _, outcome in lanes.train(_Listed(works), lane_count):
            if not isinstance(outcome, Result):
                raise outcome
            accuracies.append(outcome.history.val_accuracy[-1])
    return statistics.fmean(accuracies)


def _run(name: str, lr: float, seed: int, epochs: int) -> Run:
    return Run(seed, epochs, lr, OPTIMIZERS[name](), SCHEDULES["constant"](), INITS["default"], dropout=0.0)
