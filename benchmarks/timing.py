"""Cases timed in turn, A B C A B C …, and the table of their medians.

A machine that slows down then slows all of them: trust the ratios within a table, not seconds across tables.
"""

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any


class Unmeasured(Exception):
    """The reason that a case has no time."""


@dataclass(frozen=True)
class Measured:
    """One timing; with the mean validation accuracy, or the winner's validation RMSE, where there was training."""

    seconds: float
    accuracy: float | None = None
    rmse: float | None = None


@dataclass(frozen=True)
class Case:
    """One way to do the work. runs: the nets that it trains; goal: seconds."""

    name: str
    measure: Callable[[], Measured]
    runs: int = 1
    goal: float | None = None


@dataclass
class Row:
    """The measurements of a case, by round, or the reason that there are none."""

    case: Case
    measured: list[Measured] = field(default_factory=list)
    reason: str | None = None

    @property
    def seconds(self) -> list[float]:
        return [each.seconds for each in self.measured]


@dataclass(frozen=True)
class Options:
    """The options of every suite. rounds: None for the suite's own number."""

    rounds: int | None = None
    long: bool = False


@dataclass(frozen=True)
class Found:
    """A suite's outcome: for people, and for `benchmarks.json`."""

    markdown: str
    numbers: Any


def clocked(function: Callable[[], float | None]) -> Callable[[], Measured]:
    """Times a function of this process that returns its mean validation accuracy."""

    def measure() -> Measured:
        started = perf_counter()
        accuracy = function()
        return Measured(perf_counter() - started, accuracy)

    return measure


def clocked_rmse(function: Callable[[], float]) -> Callable[[], Measured]:
    """Times a function of this process that returns its winner's validation RMSE."""

    def measure() -> Measured:
        started = perf_counter()
        rmse = function()
        return Measured(perf_counter() - started, rmse=rmse)

    return measure


def interleaved(cases: Sequence[Case], rounds: int, warm_up: bool = True) -> list[Row]:
    """Every case so many times, in turn; with `warm_up` once more, before, not counted. Each time goes to stderr."""
    rows = [Row(case) for case in cases]
    for number in range(-warm_up, rounds):
        for row in rows:
            if row.reason is None:
                try:
                    measured = row.case.measure()
                except Unmeasured as why:
                    row.reason = str(why)
                else:
                    row.measured += [measured] if number >= 0 else []
                    counted = f"round {number + 1} of {rounds}" if number >= 0 else "warm-up"
                    print(f"{counted}: {row.case.name}: {measured.seconds:.2f} s", file=sys.stderr)
    return rows


def compared(rows: Sequence[Row], reference: str | None = None) -> Found:
    """A table of the cases. reference: the case that the others, a run of each, take so many times as long as."""
    columns = {
        "case": [row.case.name for row in rows],
        "seconds (median, least to most)": [_spread(row) for row in rows],
    }
    if len({row.case.runs for row in rows}) > 1:
        columns["runs"] = [f"{row.case.runs}" for row in rows]
        columns["seconds a run"] = [_a_run(row) for row in rows]
    if any(row.case.goal for row in rows):
        columns["goal, seconds"] = ["" if row.case.goal is None else f"{row.case.goal:g}" for row in rows]
    if any(each.accuracy is not None for row in rows for each in row.measured):
        columns["mean validation accuracy"] = [_accuracy(row) for row in rows]
    if any(each.rmse is not None for row in rows for each in row.measured):
        columns["validation RMSE of the winner"] = [_rmse(row) for row in rows]
    if reference is not None:
        base = next(row for row in rows if row.case.name == reference)
        columns[f"times {reference}"] = [_ratio(row, base) for row in rows]
    return Found(table(columns), [_numbers(row) for row in rows])


def table(columns: dict[str, list[str]]) -> str:
    """A Markdown table."""
    lines = [list(columns), ["---"] * len(columns), *map(list, zip(*columns.values(), strict=True))]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def ratios(row: Row, base: Row) -> list[float]:
    """The ratio of the times of a run, by round: rounds are close in time, so the machine's mood cancels."""
    pairs = zip(row.seconds, base.seconds, strict=False)
    return [a / row.case.runs / (b / base.case.runs) for a, b in pairs]


def _spread(row: Row) -> str:
    if row.reason is not None:
        return row.reason
    return f"{statistics.median(row.seconds):.2f} ({min(row.seconds):.2f} to {max(row.seconds):.2f})"


def _a_run(row: Row) -> str:
    return "" if row.reason is not None else f"{statistics.median(row.seconds) / row.case.runs:.3g}"


def _accuracy(row: Row) -> str:
    known = [each.accuracy for each in row.measured if each.accuracy is not None]
    return f"{statistics.fmean(known):.2%}" if known and row.reason is None else ""


def _rmse(row: Row) -> str:
    known = [each.rmse for each in row.measured if each.rmse is not None]
    return f"{statistics.fmean(known):.3f}" if known and row.reason is None else ""


def _ratio(row: Row, base: Row) -> str:
    if row.reason is not None or base.reason is not None:
        return ""
    found = ratios(row, base)
    spread = "" if row is base else f" ({min(found):.3g} to {max(found):.3g})"
    return f"{statistics.median(found):.3g}{spread}"


def _numbers(row: Row) -> dict[str, Any]:
    numbers: dict[str, Any] = {"case": row.case.name, "runs": row.case.runs, "seconds": row.seconds}
    numbers |= {"median": statistics.median(row.seconds)} if row.seconds else {}
    numbers |= {"validation_accuracy": [each.accuracy for each in row.measured]}
    numbers |= {"validation_rmse": [each.rmse for each in row.measured]}
    return numbers | ({} if row.reason is None else {"reason": row.reason})
