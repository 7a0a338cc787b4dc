"""The tables behind a verdict: which keys matter, which orders turn around, what a budget buys."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from hpsearch.formatting import MISSING, p_value
from hpsearch.record.frame import Runs
from hpsearch.report import expected_best, factors
from hpsearch.report.summary_table import text
from hpsearch.report.verdict import Verdict

LONGEST = 30  # rows of a table in words
BUDGETS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)  # numbers of configurations that a table shows


@dataclass(frozen=True)
class Detail:
    """A table for reading: all cells are text."""

    title: str
    caption: str
    cells: pd.DataFrame


def details(runs: Runs, verdicts: Sequence[Verdict]) -> list[Detail]:
    """The tables of each data set that have rows."""
    found = []
    for verdict in verdicts:
        table = verdict.table
        where = f" on {table.data_set.iloc[0]}" if len(verdicts) > 1 else ""
        made = [_shares(runs, table), _effects(runs, table), _reversals(runs, table), *_budgets(runs, table)]
        found += [Detail(f"{one.title}{where}", one.caption, one.cells.head(LONGEST)) for one in made if len(one.cells)]
    return found


def _shares(runs: Runs, table: pd.DataFrame) -> Detail:
    shares = factors.shares(runs, table)
    cells = pd.DataFrame({"part": shares.part, "share": [f"{100 * share:.1f} %" for share in shares.share]})
    caption = (
        f"Share of the variance of test {runs.measure.title} that each key and each pair of keys explains: sums of "
        "squares of a balanced analysis of variance."
    )
    return Detail("Which keys matter", caption, cells)


def _effects(runs: Runs, table: pd.DataFrame) -> Detail:
    measure, rows = runs.measure, []
    for _, row in factors.effects(runs, table).iterrows():
        beside = float(table.test_mean.max())
        known = row.low == row.low
        low, high = (measure.difference(end, beside) for end in (row.low, row.high))
        rows.append(
            {
                "key": row.key,
                "best": text(row.best),
                "other": text(row.other),
                "difference": measure.difference(row.difference, beside),
                "95 % interval": f"{low} to {high}" if known else MISSING,
                "cells": str(row.cells),
                "n": str(row.n),
                "p (Holm)": p_value(row.p_holm),
            }
        )
    caption = (
        f"Each key over all others: the value of the best configuration against each other value, in test "
        f"{measure.title}. The difference of a seed is the mean over the cells: the choices of the other keys that "
        "have both values. p: exact sign-flip test over n seeds at this look."
    )
    return Detail("Each key by itself", caption, pd.DataFrame(rows))


def _reversals(runs: Runs, table: pd.DataFrame) -> Detail:
    measure, beside = runs.measure, float(table.test_mean.max())

    def at(row: "pd.Series[Any]", place: str) -> str:
        return f"{row.by}={text(row[place])}: {measure.difference(row[f'difference_{place}'], beside)}"

    rows = [
        {
            "key": row.key,
            "compared": f"{text(row.one)} minus {text(row.other)}",
            "here": at(row, "here"),
            "there": at(row, "there"),
            "p": p_value(row.p),
        }
        for _, row in factors.reversals(runs, table).iterrows()
    ]
    caption = (
        f"Orders that another key turns around, by test {measure.title}: both differences are real. p: the larger of "
        "two paired t-tests, corrected by Holm."
    )
    return Detail("Orders that turn around", caption, pd.DataFrame(rows))


def _budgets(runs: Runs, table: pd.DataFrame) -> list[Detail]:
    """A table for each key whose values are words and have several configurations each."""
    measure, made = runs.measure, []
    for key in runs.swept:
        per_value = table.groupby(key).size()
        if not 1 < len(per_value) <= 10 or per_value.max() < 3 or pd.api.types.is_numeric_dtype(table[key]):
            continue
        shown = expected_best.budgets(table, key)
        last = shown.groupby(key, sort=False).configurations.transform("max")
        shown = shown[shown.configurations.isin(BUDGETS) | (shown.configurations == last)]
        cells = pd.DataFrame(
            {
                key: [text(value) for value in shown[key]],
                "configurations": shown.configurations.astype(str),
                "best on validation": shown.validation.map(measure.value),
                "80 % of the orders": [
                    f"{measure.value(low)} to {measure.value(high)}"
                    for low, high in zip(shown.low, shown.high, strict=True)
                ],
                "its test": shown.test.map(measure.value),
            }
        )
        caption = (
            f"The best after so many configurations of each {key}, in {measure.title}: the expectation over all "
            "orders, so that a better value is told from more tries."
        )
        made.append(Detail(f"What a budget buys: {key}", caption, cells.reset_index(drop=True)))
    return made
