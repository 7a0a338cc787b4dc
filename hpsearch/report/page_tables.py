"""The tables of the page: plain cells with the number of their configuration, so that a click finds it."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from hpsearch.report.findings import Findings
from hpsearch.report.short_names import short_keys
from hpsearch.report.side_by_side import SideBySide
from hpsearch.report.summary_table import best_first, ordered_values, places, position, text, validation_text

MARK_OF_BEST = "★"


@dataclass(frozen=True)
class Cell:
    """A cell. configuration: its number in the page's data, from 0. shade: 0 for the worst value of a grid, 1 for the
    best; None without a value."""

    text: str
    configuration: int | None = None
    best: bool = False
    shade: float | None = None


@dataclass(frozen=True)
class Grid:
    """A pivot: its rows begin with `names` cells that name them. over: the key whose values head the columns."""

    names: list[str]
    over: str
    headings: list[str]
    rows: list[tuple[list[str], list[Cell]]]


def grid(findings: Findings) -> Grid | None:
    """The pivot in the layout of the report; None if the report has a row for each configuration."""
    layout, table, measure, short = findings.layout, findings.table, findings.runs.measure, _short(findings)
    if layout.columns is None or findings.compared is not None:
        return None
    columns = ordered_values(table, layout.columns)
    values = {key: ordered_values(table, key) for key in layout.rows}
    numbers = places(table)
    ranks = (measure.sign * table.test_mean).rank(pct=True) if len(table) > 1 else table.test_mean * 0 + 1
    uneven = table.n.nunique() > 1
    lines: dict[tuple[int, ...], list[Cell]] = {}
    for c, row in table.iterrows():
        where = tuple(position(values[key], row[key]) for key in layout.rows)
        line = lines.setdefault(where, [Cell("") for _ in columns])
        shown = measure.value(row.test_mean, row.test_std) + (" ≈" if row.tie else "")
        if row.finished < row.n or uneven:
            shown += f" ({int(row.finished)}/{int(row.n)})"
        shade = float(ranks[c]) if ranks[c] == ranks[c] else None
        line[position(columns, row[layout.columns])] = Cell(shown, numbers[c], bool(row.best), shade)
    rows = [
        ([text(values[key][i]) for key, i in zip(layout.rows, where, strict=True)], cells)
        for where, cells in sorted(lines.items())
    ]
    return Grid([short[key] for key in layout.rows], short[layout.columns], [text(v) for v in columns], rows)


def listed(findings: Findings) -> tuple[list[str], list[tuple[list[int], list[Cell]]]]:
    """Headings and rows of the list of configurations, best first, each with their numbers on the page. The metric
    stands before the keys, so that it is seen whatever their number."""
    if findings.compared is not None:
        return _beside(findings, findings.compared)
    table, runs, short = best_first(findings.table), findings.runs, _short(findings)
    measure, several = runs.measure, findings.table.data_set.nunique() > 1 and "data" not in runs.swept
    headings = [
        "#",
        f"test {measure.title}",
        "validation",
        "seeds",
        *(["data set"] if several else []),
        *short.values(),
    ]
    rows = []
    for place, (_, row) in enumerate(table.iterrows()):
        finished, n, best = int(row.finished), int(row.n), bool(row.best)
        test = measure.value(row.test_mean, row.test_std) + (" ≈" if row.tie else "")
        cells = [
            Cell(f"{place + 1}", best=best),
            Cell(test, best=best),
            Cell(validation_text(row, measure), best=best),
            Cell(str(n) if finished == n else f"{finished}/{n}"),
            *([Cell(str(row.data_set))] if several else []),
            *(Cell(text(row[key])) for key in runs.swept),
        ]
        rows.append(([place], cells))
    return headings, rows


def _beside(findings: Findings, compared: SideBySide) -> tuple[list[str], list[tuple[list[int], list[Cell]]]]:
    """Headings and rows of sweeps side by side: a row has the configurations of all of them."""
    shown, numbers = findings.display, places(findings.table)
    rows = [
        (
            [numbers[c] for c in alike if not pd.isna(c)],
            [Cell(cell, best=best) for cell, best in zip(cells, bold, strict=True)],
        )
        for alike, cells, bold in zip(
            compared.configurations.to_numpy(object), shown.cells.to_numpy(), shown.bold.to_numpy(), strict=True
        )
    ]
    return list(shown.cells), rows


def _short(findings: Findings) -> dict[str, str]:
    return short_keys(findings.runs.swept)


def plain(frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of any table, as texts."""
    return [str(name) for name in frame], [[_plain(value) for value in row] for row in frame.to_numpy().tolist()]


def _plain(value: Any) -> str:
    return "-" if value is None or value != value else f"{value:.6g}" if isinstance(value, float) else str(value)
