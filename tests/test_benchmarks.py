"""The arithmetic of the benchmarks: what their tables say is what was timed. No test times anything."""

import pytest

from benchmarks.timing import Case, Measured, Unmeasured, compared, interleaved
from benchmarks.work import QUICKSTART, THOUSAND, Work, accuracies, announce, from_arguments


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
