"""The numbers on the screen: runs, a share that never falls, the best configuration by its mean."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.engine.result import History, Result
from hpsearch.workers.progress import TrainingProgress
from hpsearch.workers.run import Run
from hpsearch.workers.tally import Tally
from tests.programs import dataset, program, ready, run

ON = program(dataset())


def a_run(*overrides: str, epochs: int = 10) -> Run:
    return replace(ready(run(epochs=epochs), ON), overrides=list(overrides))


def history(*values: float) -> History:
    return History([1.0] * len(values), [1.0] * len(values), list(values))


def ended(status: str = "finished", *values: float) -> Result:
    return Result(status, None, history(*values), 0.0, 1)


def test_the_best_configuration_is_the_one_with_the_best_mean_over_the_most_runs() -> None:
    tally = Tally(5)
    for index, line in enumerate(["lr=0.1 seed=0", "lr=0.1 seed=1", "lr=0.2 seed=0", "lr=0.2 seed=1", "lr=0.3 seed=0"]):
        tally.begin(index, a_run("data=digits", *line.split()))
    assert tally.best is None
    tally.epoch({0: history(0.2, 0.5), 1: history(0.9), 2: history(0.8), 3: history(0.7), 4: history(1.0)})
    assert tally.best == "best validation accuracy 75.00 % over 2 runs: lr=0.2"
    tally.ended(2, ended("finished", 0.8))
    tally.epoch({0: history(0.2, 0.5, 0.7)})
    assert tally.best == "best validation accuracy 80.00 % over 2 runs: lr=0.1"


def test_runs_are_counted_by_their_end() -> None:
    tally = Tally(4)
    tally.known("finished")
    for index in range(3):
        tally.begin(index, a_run(f"seed={index}"))
    tally.epoch({0: history(0.1), 1: history(0.2)})
    assert tally.text == "1 of 4 runs ended, 2 in training"
    tally.ended(0, ended("pruned", 0.1))
    tally.ended(1, ValueError("no"))
    assert tally.text == "3 of 4 runs ended (1 pruned, 1 failed)"
    tally.ended(2, ended("finished", *[0.5] * 10))
    assert (tally.text, tally.share) == ("4 of 4 runs ended (1 pruned, 1 failed)", 1.0)


@given(st.lists(st.tuples(st.integers(1, 20), st.booleans()), min_size=1, max_size=30))
def test_the_share_never_falls_and_ends_at_one(runs: list[tuple[int, bool]]) -> None:
    tally, shares = Tally(len(runs)), [0.0]
    for index, (epochs, _) in enumerate(runs):
        tally.begin(index, a_run(f"lr={index}", epochs=20))
        for epoch in range(1, epochs + 1):
            tally.epoch({index: history(*[0.5] * epoch)})
            shares.append(tally.share)
        if index % 2:
            tally.ended(index, ended("pruned", *[0.5] * epochs))
            shares.append(tally.share)
    for index in range(0, len(runs), 2):
        tally.ended(index, ended("finished", *[0.5] * 20))
        shares.append(tally.share)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_pipe_gets_a_first_and_a_true_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingProgress(3) as progress:
        for index in range(2):
            progress.begin(index, a_run(f"seed={index}"))
        progress.epoch({0: history(0.5), 1: history(0.5)})
        progress.complete()
        progress.ended(0, ended("finished", 0.5))
        progress.ended(1, ended("diverged", 0.5))
    first, last = capsys.readouterr().out.splitlines()
    assert first == "training; 3 runs in all"
    assert last.startswith("2 of 2 runs ended (1 diverged), ")


def test_a_long_configuration_is_cut_and_escapes_are_inert() -> None:
    tally = Tally(2)
    tally.begin(0, a_run("note=\x1b[31m" + "x" * 100))
    tally.begin(1, a_run("lr=1"))
    tally.epoch({0: history(0.9), 1: history(0.1)})
    shown: Any = tally.best
    assert "\x1b" not in shown
    assert shown.endswith("x…")
    assert len(shown) < 120
