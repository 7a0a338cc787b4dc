"""The sections behind a verdict: which keys matter, which orders turn around, what a budget buys, ranks.

Long, because each section has its words, its table and its chart in one place.
"""

from dataclasses import replace
from typing import Any

import pandas as pd

from hpsearch.formatting import MISSING, count, p_value
from hpsearch.record.file import number
from hpsearch.record.frame import Runs
from hpsearch.record.measure import Measure
from hpsearch.report import data_sets, expected_best, factors, side_by_side_table, stats
from hpsearch.report.findings import Findings
from hpsearch.report.section import Section
from hpsearch.report.short_names import short_keys, short_name
from hpsearch.report.summary_table import places, text

LONGEST = 30  # rows of a table in words
PARTS = {"train": "training", "val": "validation", "test": "test"}
LEAST = 5  # configurations of a search that is compared with chance
BUDGETS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)  # numbers of configurations that a table shows


def sections(findings: Findings) -> list[Section]:
    """The sections of each data set that have rows, and one on all of them; all cells are text."""
    runs, found = findings.runs, []
    if findings.compared is not None:
        return side_by_side_table.sections(findings.compared, runs, places(findings.table))
    numbers, searched = places(findings.table), any(origin.searched for origin in findings.origins)
    for verdict in findings.verdicts:
        table = verdict.table
        where = f" on {table.data_set.iloc[0]}" if len(findings.verdicts) > 1 else ""
        alone = _chance(runs, table) if searched else _alone(runs, table, numbers)
        several = len(factors.varied(table, runs.swept)) > 1  # of one key, the comparisons with the winner say it all
        keys = [_shares(runs, table), _effects(runs, table)] if several else []
        made = [*keys, alone, _reversals(runs, table), *_budgets(runs, table)]
        found += [
            replace(one, title=f"{one.title}{where}", table=one.table.head(LONGEST))
            for one in made
            if one.table is not None and len(one.table)
        ]
    numbers_of_run = [_numbers(runs)] if len(runs.records) == 1 and runs.records[0]["metrics"] else []
    return [*numbers_of_run, *found, *_ranks(findings)]


def _section(title: str, caption: str, cells: pd.DataFrame, chart: dict[str, Any] | None = None) -> Section:
    return Section(title, caption, table=cells, chart=chart, group="details")


def _numbers(runs: Runs) -> Section:
    """Every metric of a single run."""
    metrics, rows = runs.records[0]["metrics"], []
    for measure in (runs.measure, *map(Measure.further, [*runs.further, "loss"])):
        parts = {part: number(metrics.get(f"{part}_{measure.name}")) for part in ("train", "val", "test")}
        rows.append(
            {"metric": f"{measure.title}{' (%)' * measure.in_percent}"}
            | {PARTS[part]: measure.value(value) for part, value in parts.items()}
        )
    return _section("Numbers", "", pd.DataFrame(rows))


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
                "winner's value": text(row.best),
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
        f"have both values. p: sign-flip test over n seeds at this look, exact up to {stats.EXACT_PAIRS}."
    )
    chart = {
        "kind": "intervals",
        "xlabel": measure.difference_label,
        "percent": measure.in_percent,
        "rows": drawn[:LONGEST],
    }
    return _section("Each key by itself", caption, pd.DataFrame(rows), chart)


def _alone(runs: Runs, table: pd.DataFrame, numbers: dict[Any, int]) -> Section:
    """The best configuration for each value of a key. numbers: of the configurations on the page."""
    measure, keys = runs.measure, factors.compared(table, factors.varied(table, runs.swept))
    keys = [
        key for key in keys if 2 * table[key].nunique() <= len(table)
    ]  # of a value with one configuration, it is it
    names, rows, drawn, chosen = short_keys(runs.swept), [], [], []
    for key in keys if len(keys) > 1 else []:
        rest = [each for each in keys if each != key]
        for c, row in factors.isolation(table, key).iterrows():
            rows.append(
                {
                    "key": names[key],
                    "value": text(row[key]),
                    "test": measure.value(row.test_mean, row.test_std),
                    "validation": measure.value(row.val_mean, row.val_std),
                    "seeds": str(int(row.finished)),
                    "with": short_name(row, rest),
                }
            )
            chosen.append([numbers[c]])
            ends = {"low": _known(row.test_low), "high": _known(row.test_high), "c": [numbers[c]]}
            drawn.append({"label": f"{names[key]}={text(row[key])}", "value": _known(row.test_mean), **ends})
    caption = (
        f"For each value the best configuration on validation over all other keys: its {measure.title}. Figure: mean "
        "on test with its 95 % t-interval. Table: ± is the standard deviation over seeds."
    )
    chart = {
        "kind": "intervals",
        "xlabel": measure.label("test"),
        "percent": measure.in_percent,
        "zero": False,
        "rows": drawn[:LONGEST],
    }
    return replace(_section("The best for each value", caption, pd.DataFrame(rows), chart), rows=chosen)


def _known(value: float) -> float | None:
    return None if value != value else float(value)


def _chance(runs: Runs, table: pd.DataFrame) -> Section:
    """The best so far of a search, beside random orders."""
    measure, found = runs.measure, expected_best.beside_chance(runs, table)
    if len(found) < LEAST:
        return _section("Beside chance", "", pd.DataFrame())
    numbers, orders = list(found.configurations), {"low": list(found.low), "high": list(found.high)}
    chart = {
        "kind": "lines",
        "xlabel": "configurations finished",
        "ylabel": f"best {measure.label('validation')}",
        "percent": measure.in_percent,
        "series": [
            {"name": "this search", "x": numbers, "y": list(found.searched)},
            {"name": "a random order of the same configurations", "x": numbers, "y": list(found.validation), **orders},
        ],
    }
    shown = found[found.configurations.isin(BUDGETS) | (found.configurations == len(found))]
    cells = pd.DataFrame(
        {
            "configurations": shown.configurations.astype(str),
            "this search": shown.searched.map(measure.value),
            "a random order": shown.validation.map(measure.value),
            "80 % of the orders": [
                _between(low, high, measure) for low, high in zip(shown.low, shown.high, strict=True)
            ],
        }
    )
    worse = "below" if measure.maximize else "above"
    caption = (
        f"The best on validation so far, in {measure.title}, beside its expectation over all orders of the same "
        f"finished configurations. A search that learns stays {worse} chance until late, because its best comes last."
    )
    return _section("Beside chance", caption, cells.reset_index(drop=True), chart)


def _between(low: float, high: float, measure: Measure) -> str:
    return f"{measure.value(low)} to {measure.value(high)}"


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
        f"Orders that another key turns around, by test {measure.title}: both differences are significant. p: the "
        "larger of two paired t-tests, corrected by Holm."
    )
    return _section("Orders that turn around", caption, pd.DataFrame(rows))


def _budgets(runs: Runs, table: pd.DataFrame) -> list[Section]:
    """A table for each key whose values are words and have several configurations each."""
    measure, made = runs.measure, []
    if table["last"].notna().any():  # a pruned configuration was tried, too, and what it would have reached is unknown
        return []
    finished = table[table.score.notna() & table.test_mean.notna()]
    lost = len(table) - len(finished)
    for key in runs.swept:
        per_value = finished.groupby(key).size()
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
            "ylabel": f"best {measure.label('validation')}",
            "percent": measure.in_percent,
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
                    _between(low, high, measure) for low, high in zip(shown.low, shown.high, strict=True)
                ],
                "its test": shown.test.map(measure.value),
            }
        )
        caption = (
            f"The best after so many configurations of each {key}, in {measure.title}: the expectation over all "
            "orders, so that a better value is told from more tries."
        )
        if lost:
            caption += f" {count(lost, 'configuration')} without a finished run left out: small budgets look too good."
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
    numbers = places(findings.table)
    of_name = {name: [numbers[c] for c in its] for name, its in found.configurations.items()}
    rows = [
        {"label": str(name), "value": mean, "low": mean - half, "high": mean + half, "c": of_name[str(name)]}
        for name, mean in found.means.items()
    ]
    chart = {"kind": "intervals", "xlabel": "mean rank", "rows": rows[:LONGEST]}
    chosen = [of_name[str(name)] for name in found.means.index]
    return [replace(_section("Ranks over the data sets", caption, cells.head(LONGEST), chart), rows=chosen)]
