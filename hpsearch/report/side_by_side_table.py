"""Sweeps side by side as a table, as numbers without rounding, and as sections of the page."""

from math import isnan
from typing import Any

import pandas as pd

from hpsearch.formatting import MISSING, SPREADS, p_is
from hpsearch.record.frame import Runs
from hpsearch.report.environments import by_sweep
from hpsearch.report.section import Section
from hpsearch.report.short_names import rounded_name, short_keys
from hpsearch.report.side_by_side import SideBySide
from hpsearch.report.side_by_side_text import listed
from hpsearch.report.summary_table import is_pruned, text
from hpsearch.report.tables import Display, spread_of

NAMES = ("data set", "difference", "95 % interval", "equal within", "bit for bit")  # of columns
LONGEST = 30  # rows of a chart


def display(found: SideBySide, runs: Runs, table: pd.DataFrame, spread: str, title: str) -> Display:
    """A row per configuration: each sweep's metric on test, and the differences of the later ones from the first."""
    measure, names = runs.measure, short_keys(found.keys)
    several = found.rows.data_set.nunique() > 1 and "data" not in found.keys
    headings = {sweep: f"sweep={sweep}" if sweep in {*names.values(), *NAMES} else sweep for sweep in found.sweeps}
    lines, marks, uneven = [], [], table.n.nunique() > 1
    for i, row in found.rows.iterrows():
        line = {names[key]: text(row[key]) for key in found.keys} | ({"data set": row.data_set} if several else {})
        there = {headings[sweep]: c for sweep, c in found.configurations.loc[i].items() if not pd.isna(c)}
        cells = {name: _cell(table.loc[c], runs, spread, uneven) for name, c in there.items()}
        line |= {name: cells.get(name, MISSING) for name in headings.values()}
        further: dict[str, str] = {}
        for sweep in found.sweeps[1:]:
            difference, more = _difference(found, int(i), sweep, runs)
            line |= difference
            further |= more
        lines.append(line | further)
        marks.append({name: name in there and bool(table.best[there[name]]) for name in lines[-1]})
    first, *later = found.sweeps
    unit = " in %" * measure.in_percent
    caption = (
        f"{title}: test {measure.title}{unit}{measure.hint}, mean over seeds ± {SPREADS[spread]}. difference: "
        f"{listed(later)} minus {first} over common seeds, with the exact test's p, corrected by Holm."
        + " In brackets: the seeds." * (uneven or bool((table.finished < table.n).any()))
        + " Bold: the best on validation." * (len(found.rows) > 1)
    )
    optional = 3 if len(later) == 1 else 4 * len(later)  # of several, the sentences have the differences, too
    return Display(pd.DataFrame(lines), pd.DataFrame(marks), caption, len(found.keys) + several, optional)


def _cell(row: "pd.Series[Any]", runs: Runs, spread: str, uneven: bool) -> str:
    finished, n = int(row.finished), int(row.n)
    seeds = f" ({n if finished == n else f'{finished}/{n}'})" if finished < n or uneven else ""
    value = "pruned" if is_pruned(row) else runs.measure.value(row.test_mean, spread_of(row, spread))
    return value + seeds


def _difference(found: SideBySide, i: int, sweep: str, runs: Runs) -> tuple[dict[str, str], dict[str, str]]:
    """The cells of one row on a later sweep: the difference, and those that only a wide table has."""
    of = f" of {sweep}" * (len(found.sweeps) > 2)
    change = next(each for each in found.changes if each.sweep == sweep and each.data_set == found.rows.data_set[i])
    equal, common = change.equal_runs.get(i, (0, 0))
    measure, cells = runs.measure, [MISSING, MISSING, MISSING]
    if i in change.pairs.index:
        one = change.pairs.loc[i]
        p = "" if isnan(one.p_holm) else f" ({p_is(one.p_holm)})"
        within = measure.difference(one.equal_within, one.beside).lstrip("+")
        cells = [
            measure.difference(one.difference, one.beside) + p,
            MISSING if isnan(one.low) else measure.interval(one.low, one.high, one.beside),
            within,
        ]
    elif common and equal == common:
        cells[0] = "bit for bit"
    elif all(c in runs.finished.groups for c in found.configurations.loc[i, [found.sweeps[0], sweep]]):
        cells[0] = "the same"
    names = [f"{name}{of}" for name in NAMES[2:]]
    more = (*cells[1:], f"{equal}/{common}" if common else MISSING)
    return {f"{NAMES[1]}{of}": cells[0]}, dict(zip(names, more, strict=True))


def numbers(found: SideBySide, table: pd.DataFrame) -> pd.DataFrame:
    """The comparison without rounding, a row per configuration and later sweep."""
    first, made = found.sweeps[0], []
    for change in found.changes:
        its = found.rows[found.rows.data_set == change.data_set]
        for i, row in its.iterrows():
            equal, common = change.equal_runs.get(i, (0, 0))
            entry = {key: row[key] for key in found.keys} | {
                "data_set": row.data_set,
                "first_sweep": first,
                "later_sweep": change.sweep,
            }
            for name, sweep in (("first", first), ("later", change.sweep)):
                c = found.configurations.loc[i, sweep]
                known = None if pd.isna(c) else table.loc[c]
                for column in ("n", "finished", "val_mean", "test_mean", "test_std"):
                    entry[f"{name}_{column}"] = None if known is None else known[column]
            one = change.pairs.loc[i] if i in change.pairs.index else pd.Series(dtype=float)
            fields = ("difference", "low", "high", "p", "p_holm", "effect", "equal_within")
            made.append(entry | {"common_runs": common, "equal_runs": equal} | {name: one.get(name) for name in fields})
    return pd.DataFrame(made)


def sections(found: SideBySide, runs: Runs, places: dict[Any, int]) -> list[Section]:
    """The differences as a figure, and the environments of the sweeps. places: of the configurations on the page."""
    made, measure = [], runs.measure
    for change in found.changes:
        rows = [
            {
                "label": rounded_name(found.rows.loc[i], found.keys) or "the configuration",
                "value": one.difference,
                **{end: None if isnan(one[end]) else one[end] for end in ("low", "high")},
                "c": [places[c] for c in found.configurations.loc[i] if not pd.isna(c)],
            }
            for i, one in change.pairs.head(LONGEST).iterrows()
        ]
        if rows and change.tests < change.runs:
            on = f" on {change.data_set}" * (found.rows.data_set.nunique() > 1)
            chart = {
                "kind": "intervals",
                "xlabel": measure.difference_label,
                "percent": measure.in_percent,
                "rows": rows,
                "caption": "The difference over common seeds and its 95 % t-interval.",
            }
            made.append(Section(f"{change.sweep} minus {found.sweeps[0]}{on}", chart=chart, group="details"))
    cells = pd.DataFrame(
        [{"": name, **dict(zip(runs.sweeps, its, strict=True))} for name, its in by_sweep(runs).items()]
    )
    caption = "What the records hold beside the configuration. First what differs."
    return [*made, Section("Environments", table=cells, caption=caption, group="details")]
