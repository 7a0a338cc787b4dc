"""The sections behind a verdict: which keys matter, which orders turn around, what a budget buys, ranks.

Long, because each section has its words, its table and its chart in one place.
"""

from dataclasses import replace
from typing import Any

import pandas as pd

from hpsearch.formatting import MISSING, p_value
from hpsearch.record.frame import Runs
from hpsearch.report import data_sets, expected_best, factors, side_by_side_text
from hpsearch.report.findings import Findings
from hpsearch.report.section import Section
from hpsearch.report.summary_table import places, text

LONGEST = 30  # rows of a table in words
BUDGETS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)  # numbers of configurations that a table shows


def sections(findings: Findings) -> list[Section]:
    """The sections of each data set that have rows, and one on all of them; all cells are text."""
    runs, found = findings.runs, []
    if findings.compared is not None:
        return side_by_side_text.sections(findings.compared, runs, places(findings.table))
    for verdict in findings.verdicts:
        table = verdict.table
        where = f" on {table.data_set.iloc[0]}" if len(findings.verdicts) > 1 else ""
        made = [_shares(runs, table), _effects(runs, table), _reversals(runs, table), *_budgets(runs, table)]
        found += [
            replace(one, title=f"{one.title}{where}", table=one.table.head(LONGEST))
            for one in made
            if one.table is not None and len(one.table)
        ]
    return [*found, *_ranks(findings)]


def _section(title: str, caption: str, cells: pd.DataFrame, chart: dict[str, Any] | None = None) -> Section:
    return Section(title, caption, table=cells, chart=chart, group="details")


def _shares(runs: Runs, table: pd.DataFrame) -> Section:
    shares = factors.shares(runs, table)
    cells = pd.DataFrame({"part": shares.part, "share": [f"{100 * share:.1f} %" for share in shares.share]})
    caption = (
        f"Share of the variance of test {runs.measure.title} that each key and each pair of keys explains: sums of "
        "squares of a balanced analysis of variance."
    )
    return _section("Which keys matter", caption, cells)


def _effects(runs: Runs, table: pd.DataFrame) -> Section:
    measure, rows, drawn = runs.measure, [], []
    for _, row in factors.effects(runs, table).iterrows():
        beside = float(table.test_mean.max())
        known = row.low == row.low
        low, high = (measure.difference(end, beside) for end in (row.low, row.high))
        ends = {name: row[name] if known else None for name in ("low", "high")}
        label = f"{row.key}: {text(row.best)} minus {text(row.other)}"
        drawn.append({"label": label, "value": row.difference, **ends})
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
    unit = f"difference in test {measure.title}" + (", points" if measure.percent else "")
    chart = {"kind": "intervals", "xlabel": unit, "percent": bool(measure.percent), "rows": drawn[:LONGEST]}
    return _section("Each key by itself", caption, pd.DataFrame(rows), chart)


def _reversals(runs: Runs, table: pd.DataFrame) -> Section:
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
    return _section("Orders that turn around", caption, pd.DataFrame(rows))


def _budgets(runs: Runs, table: pd.DataFrame) -> list[Section]:
    """A table for each key whose values are words and have several configurations each."""
    measure, made = runs.measure, []
    for key in runs.swept:
        per_value = table.groupby(key).size()
        if not 1 < len(per_value) <= 10 or per_value.max() < 3 or pd.api.types.is_numeric_dtype(table[key]):
            continue
        shown = expected_best.budgets(table, key)
        series = [
            {
                "name": f"{key}={text(value)}",
                "x": list(its.configurations),
                **{axis: list(its[column]) for axis, column in (("y", "validation"), ("low", "low"), ("high", "high"))},
            }
            for value, its in shown.groupby(key, sort=False)
        ]
        chart = {
            "kind": "lines",
            "xlabel": "configurations tried",
            "ylabel": f"best validation {measure.title}",
            "percent": bool(measure.percent),
            "series": series,
        }
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
        made.append(_section(f"What a budget buys: {key}", caption, cells.reset_index(drop=True), chart))
    return made


def _ranks(findings: Findings) -> list[Section]:
    """The mean ranks of the configurations over several data sets."""
    found = data_sets.rank(findings.runs, findings.table)
    if found is None:
        return []
    half = found.critical / 2
    cells = pd.DataFrame({"configuration": found.means.index, "mean rank": [f"{mean:.2f}" for mean in found.means]})
    caption = (
        f"Mean ranks on test over {len(found.ranks)} data sets, 1 is best. Friedman's test: p = {p_value(found.p)}. "
        f"Two configurations differ if their mean ranks are {found.critical:.2f} apart (Nemenyi's test at 5 %): if "
        "their intervals do not overlap."
    )
    rows = [
        {"label": str(name), "value": mean, "low": mean - half, "high": mean + half}
        for name, mean in found.means.items()
    ]
    chart = {"kind": "intervals", "xlabel": "mean rank", "rows": rows[:LONGEST]}
    return [_section("Ranks over the data sets", caption, cells.head(LONGEST), chart)]
