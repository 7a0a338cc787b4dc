"""The arithmetic of the benchmarks: what their tables say is what was timed. No test times anything."""

from pathlib import Path

import numpy as np
import pytest
import torch
from optuna.trial import FrozenTrial, TrialState

from benchmarks import folds
from benchmarks.peers import folds_loop
from benchmarks.programs import folds_program
from benchmarks.suites.drivers import faults_of
from benchmarks.timing import Case, Measured, Unmeasured, compared, interleaved
from benchmarks.work import QUICKSTART, THOUSAND, Work, accuracies, announce, from_arguments
from hpsearch.components.target import Quantity


def measured_in_turn(order: list[str], name: str, *seconds: float) -> Case:
    """A case that takes these seconds, round by round."""
    left = [Measured(each, accuracy=0.5) for each in seconds]

    def measure() -> Measured:
        order.append(name)
        return left.pop(0)

    return Case(name, measure, runs=1 if name == "one" else 10)


def test_cases_take_turns_after_a_round_that_does_not_count() -> None:
    order: list[str] = []
    cases = [measured_in_turn(order, "one", 99, 1, 3), measured_in_turn(order, "ten", 99, 5, 5)]
    rows = interleaved(cases, rounds=2)
    assert order == ["one", "ten"] * 3
    assert [row.seconds for row in rows] == [[1, 3], [5, 5]]


def test_ratios_are_those_of_a_run_within_a_round() -> None:
    cases = [measured_in_turn([], "one", 1, 3), measured_in_turn([], "ten", 5, 5)]
    found = compared(interleaved(cases, rounds=2, warm_up=False), "ten")
    assert found.markdown.splitlines()[2:] == [
        "| one | 2.00 (1.00 to 3.00) | 1 | 2 | 50.00% | 4 (2 to 6) |",
        "| ten | 5.00 (5.00 to 5.00) | 10 | 0.5 | 50.00% | 1 |",
    ]


def test_a_case_that_cannot_be_measured_says_why() -> None:
    def absent() -> Measured:
        raise Unmeasured("not installed")

    cases = [Case("absent", absent, runs=10), measured_in_turn([], "ten", 5)]
    found = compared(interleaved(cases, rounds=1, warm_up=False), "ten")
    assert "| absent | not installed |  |  |" in found.markdown
    assert found.numbers[0]["reason"] == "not installed"


def test_the_work_has_as_many_runs_as_its_name_says() -> None:
    assert len(QUICKSTART) == 45
    assert len(THOUSAND) == 1000


def test_a_peer_is_asked_for_the_same_work_and_tells_of_every_net(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work = Work(("sgd", "adam"), (0.1, 0.0005), seeds=2, epochs=3)
    monkeypatch.setattr("sys.argv", ["peer", *work.arguments])
    assert from_arguments() == work
    for number, point in enumerate(work.points):
        announce(*point, accuracy=number / 10)
    assert accuracies(capsys.readouterr().out) == pytest.approx([number / 10 for number in range(8)])


def test_an_rmse_has_a_column_of_its_own() -> None:
    case = Case("one", lambda: Measured(2, rmse=1.25))
    found = compared(interleaved([case], rounds=2, warm_up=False))
    assert "validation RMSE of the winner" in found.markdown.splitlines()[0]
    assert found.markdown.splitlines()[2] == "| one | 2.00 (2.00 to 2.00) | 1.250 |"
    assert found.numbers[0]["validation_rmse"] == [1.25, 1.25]


def test_cross_validation_uses_the_same_rows_for_everyone(tmp_path: Path) -> None:
    folds.write_table(tmp_path / "table.csv")
    x, y = folds.read_table(tmp_path / "table.csv")
    program, lanes = folds_program(tmp_path / "table.csv")
    assert len(lanes) == folds.RUNS == 100
    for lane, rows in zip(lanes[: folds.FOLDS], folds.folds(), strict=True):
        theirs, unit = folds_loop.standardised(x, y, *rows)
        assert lane.data is not None
        ours = lane.data.train, lane.data.validation, lane.data.test
        for part, (its_x, its_y) in zip(ours, theirs, strict=True):
            assert torch.allclose(part.x, its_x, atol=1e-5)
            assert torch.allclose(part.y, its_y[:, 0], atol=1e-5)
        assert isinstance(lane.data.target, Quantity)
        assert unit == pytest.approx(lane.data.target.std)
    assert [(lane.lr, lane.seed) for lane in lanes[-2:]] == [(folds.LRS[-1], 3), (folds.LRS[-1], 4)]
    held_out = np.concatenate([validation for _, validation in folds.folds()])
    assert sorted([*held_out, *folds.test_rows()]) == list(range(folds.ROWS))


def test_the_winner_of_a_peer_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    folds.announce(1.25)
    assert folds.rmse("a warning\n" + capsys.readouterr().out) == 1.25
    assert folds.rmse("nothing") is None


def test_what_drivers_lose_or_double_is_told() -> None:
    def trial(state: TrialState, number: int, **attributes: object) -> FrozenTrial:
        point = {"configuration": f"lr={number} optimizer=adam"}
        value = 0.5 if state is TrialState.COMPLETE else None
        return FrozenTrial(number, state, value, None, None, {}, {}, point | attributes, {}, {}, number)

    complete = {number: trial(TrialState.COMPLETE, number) for number in (1, 2)}
    records = [[{"lr=1", "optimizer=adam", "seed=0"}], [{"lr=2", "optimizer=adam", "seed=0"}]]
    again = {3: trial(TrialState.FAIL, 1, again="its process ended")}
    assert faults_of(complete | again, 2, records) == []
    assert faults_of(complete, 3, records) == ["2 trials instead of 3"]
    assert faults_of(complete, 2, records[:1]) == ["1 without a record"]
    assert faults_of(complete, 2, records + records[:1]) == ["1 records too many"]
    assert faults_of(complete | {3: trial(TrialState.COMPLETE, 1)}, 3, records) == ["1 points twice"]
    assert faults_of(complete | {3: trial(TrialState.RUNNING, 3)}, 3, records) == ["1 still running"]
    assert faults_of(complete | {3: trial(TrialState.FAIL, 3)}, 3, records) == ["1 failed"]
