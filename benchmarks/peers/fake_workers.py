"""The real command with workers that train nothing: a run's only epoch and its result are made up at once.

``python -m benchmarks.peers.fake_workers -m seed=range(1000)``: behind it stands what stands behind
``python -m hpsearch``. Prints the most memory that it took.
"""

import resource
import sys
from collections.abc import Collection, Sequence
from unittest.mock import patch

from hpsearch.cli import command
from hpsearch.cli.launcher import StackedLauncher
from hpsearch.engine.result import History, Result
from hpsearch.engine.samples import EVALUATION_BATCH
from hpsearch.workers.run import Run
from hpsearch.workers.worker import Entering, Left, Round, Worker

CORRECT, SAMPLES = 170, 180


class FakeWorker:
    """Answers at once that every run has finished."""

    answered = True

    def ask_round(self, entering: Sequence[Entering], resting: Collection[int]) -> None:
        self._runs = [index for _, _, runs in entering for index, _ in runs]

    def round(self) -> Round:
        return Round({index: _history(index) for index in self._runs}, [(i, _result(i)) for i in self._runs])

    def prune(self, runs: Collection[int]) -> Left:
        return []

    def close(self) -> None: ...


class FakePool:
    """Two of them."""

    retries = 0

    def __init__(self, lanes: int) -> None:
        self.lanes, self._workers = lanes, [FakeWorker(), FakeWorker()]

    def workers_for(self, run: Run) -> Sequence[Worker]:
        return self._workers

    def first(self, asked: Sequence[Worker]) -> Worker:
        return asked[0]

    def close(self) -> None: ...


def _history(index: int) -> History:
    return History([2.0], [2.0], [0.5 + index * 7919 % 1000 / 2500])


def _result(index: int) -> Result:
    history = _history(index)
    metrics = {"train_loss": 2.0, "val_loss": 2.0, "val_accuracy": history.val_metric[-1]}
    metrics |= {"test_loss": 2.0, "test_accuracy": CORRECT / SAMPLES}
    sizes = [min(EVALUATION_BATCH, SAMPLES - first) for first in range(0, SAMPLES, EVALUATION_BATCH)]
    return Result(
        "finished",
        None,
        history,
        0.001,
        1,
        parameters=300,
        epoch=1,
        metrics=metrics,
        test_samples=SAMPLES,
        test_correct=[CORRECT] if len(sizes) == 1 else sizes,
        test_total=sizes,
    )


if __name__ == "__main__":
    with patch.object(StackedLauncher, "open_pool", lambda self, lanes, expected, runs: FakePool(lanes)):
        command.run(sys.argv[1:])
    print(f"memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
