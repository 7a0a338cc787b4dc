"""The table of a sweep for readers (terminal, Markdown, LaTeX, HTML) and, unrounded, as CSV.

Long, because all readers get the same layout.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hpsearch.errors import UsageError
from hpsearch.formatting import MISSING, SPREADS, count
from hpsearch.record.file import write_text
from hpsearch.record.frame import Runs, write_csv
from hpsearch.record.measure import Measure
from hpsearch.report.summary_table import (
    OF_ACCURACY,
    best_first,
    columns,
    is_numeric,
    ordered_values,
    position,
    text,
    validation_text,
)

SHOWN_ROWS = 40  # on the terminal
LEAST_WIDTH = 12  # of a column that names a configuration, unless all its cells are shorter
SHOWN_LONG_ROWS = 5  # on the terminal, of rows with several lines each


@dataclass(frozen=True)
class Layout:
    """rows: swept keys that name the rows. columns: the swept key that names the columns; None: a row per
    configuration. spread: one of `SPREADS`."""

    rows: tuple[str, ...]
    columns: str | None
    spread: str = "seed_std"


def layout(table: pd.DataFrame, runs: Runs, rows: list[str], columns: str | None, spread: str) -> Layout:
    """The layout that the user asks for, else the paper's: a pivot of two swept keys, the numeric key in its rows, or
    the key with more values. Further metrics have no room in a pivot. A spread that only accuracy has becomes
    `seed_std` for another metric. Raises UsageError for a key that was not swept."""
    swept = runs.swept
    if spread in OF_ACCURACY and not runs.measure.is_accuracy:
        spread = "seed_std"
    for option, key in [
        *(("--rows", key) for key in rows),
        *((("--columns", columns),) if columns is not None else ()),
    ]:
        if key not in swept:
            raise UsageError([f"{option}={key}: not swept here; swept were {', '.join(swept) or 'no keys'}"])
    if columns in rows:
        raise UsageError([f"--columns={columns}: is in --rows too; name another of {', '.join(swept)}"])
    left = [key for key in swept if key not in rows]
    if columns is None and rows and len(left) == 1:
        columns = left[0]
    elif columns is None and rows:
        raise UsageError([f"--rows={','.join(rows)}: leaves {', '.join(left) or 'no key'}; name one with --columns"])
    elif (
        columns is None
        and not runs.further
        and len(swept) == 2
        and len(table) > max(table[swept].nunique())
        and not table.test_mean.isna().all()  # of a script without a test part: a pivot shows test alone
    ):
        first, second = swept  # no pivot if one key follows from the other, as lr may from the optimizer
        numeric = is_numeric(table, first), is_numeric(table, second)
        fewer = table[first].nunique() < table[second].nunique()
        columns = first if numeric == (False, True) or (numeric[0] == numeric[1] and fewer) else second
    return Layout((*rows, *(key for key in left if key != columns)), columns, spread)


@dataclass(frozen=True)
class Display:
    """cells: all text; the first `names` columns name a row, the last `further` may be left out where there is no room.
    bold: True for the best; of the same shape."""

    cells: pd.DataFrame
    bold: pd.DataFrame
    caption: str
    names: int
    further: int


def display(table: pd.DataFrame, runs: Runs, layout: Layout, title: str) -> Display:
    """table: `summary_table.summarise` of the runs, with the columns best and tie."""
    measure, further = runs.measure, {f"test {one.title}": one for one in map(Measure.further, runs.further)}
    cells: dict[tuple[str, ...], dict[str, str]] = {}
    bold: dict[tuple[str, ...], dict[str, bool]] = {}
    pivot, uneven = layout.columns, table.n.nunique() > 1
    if pivot is None:
        headings, order = ["seeds", "validation", "test", *further], list(best_first(table).index)
    else:
        headings = [_heading(table, pivot, value) for value in ordered_values(table, pivot)]
        values = {key: ordered_values(table, key) for key in layout.rows}
        order = sorted(table.index, key=lambda c: [position(values[key], table.loc[c, key]) for key in layout.rows])
    for configuration in order:
        row = table.loc[configuration]
        names = tuple(text(row[key]) for key in layout.rows)
        test = measure.value(row.test_mean, spread_of(row, layout.spread)) + (" ≈" if row.tie else "")
        finished, n = int(row.finished), int(row.n)
        seeds = str(n) if finished == n else f"{finished}/{n}"
        if pivot is None:
            shown = {"seeds": seeds, "validation": validation_text(row, measure), "test": test}
            for heading, one in further.items():
                shown[heading] = one.value(row[f"{one.test}_mean"], row[f"{one.test}_std"])
        else:
            shown = {_heading(table, pivot, row[pivot]): f"{test} ({seeds})" if finished < n or uneven else test}
        cells.setdefault(names, {}).update(shown)
        bold.setdefault(names, {}).update({heading: bool(row.best) and heading != "seeds" for heading in shown})
    lines = [[*names, *(inner.get(h, "") for h in headings)] for names, inner in cells.items()]
    marks = [[False] * len(names) + [inner.get(h, False) for h in headings] for names, inner in bold.items()]
    shape, caption = [*layout.rows, *headings], _caption(table, measure, layout, title)
    cells_frame, bold_frame = pd.DataFrame(lines, columns=shape), pd.DataFrame(marks, columns=shape)
    return Display(cells_frame, bold_frame, caption, len(layout.rows), len(further) if pivot is None else 0)


def _heading(table: pd.DataFrame, key: str, value: Any) -> str:
    words = text(value)
    return f"{key}={words}" if is_numeric(table, key) and words != MISSING else words


def spread_of(row: "pd.Series[Any]", spread: str) -> float:
    """The number behind a configuration's ±."""
    if spread == "interval":
        return float(row.test_half)
    return float(row["test_std" if spread == "seed_std" else spread])


def _caption(table: pd.DataFrame, measure: Measure, layout: Layout, title: str) -> str:
    least, most = table.n.min(), table.n.max()
    over = f"{least} to {most} seeds" if least < most else count(most, "seed")
    metric = measure.title if layout.columns is None else f"test {measure.title}"
    unit = " in %" if measure.in_percent else ""
    parts = [f"{title}: {metric}{unit}{measure.hint}, mean over {over}"]
    if most > 1 or layout.spread in OF_ACCURACY:
        parts[0] += f" ± {SPREADS[layout.spread]}"
    if layout.columns is not None:
        parts.append(f"Columns: {layout.columns}")
    if len(table) > 1 and table.best.any():
        parts.append(f"Bold: the best on validation{' of each data set' if table.best.sum() > 1 else ''}")
    if table.tie.any():
        parts.append("≈: not distinguishable from it on test")
    if layout.columns is None and table["last"].notna().any():
        parts.append("Pruned: its last value, of the epoch where it was stopped")
    if (table.finished < table.n).any():
        lost = table[table.finished < table.n].iloc[0]
        parts.append(f"{int(lost.finished)}/{int(lost.n)}: seeds that finished")
    return ". ".join(parts) + "."


def write(folder: Path, shown: Display, table: pd.DataFrame, runs: Runs) -> None:
    """Write table.csv and table.md into a folder."""
    write_csv(folder / "table.csv", unrounded(table, runs))
    write_text(folder / "table.md", markdown(shown))


def unrounded(table: pd.DataFrame, runs: Runs) -> pd.DataFrame:
    """The columns of table.csv."""
    return table[[*runs.swept, *columns(runs)]]


def markdown(shown: Display) -> str:
    """A pipe table below its caption."""
    cells = shown.cells.map(_for_markdown).rename(columns=_for_markdown)
    bold = shown.bold.set_axis(cells.columns, axis=1)
    cells = cells.mask(bold, "**" + cells + "**")
    align = ["left" if i < shown.names else "right" for i in range(len(cells.columns))]
    return (
        f"{_for_markdown(shown.caption)}\n\n{cells.to_markdown(index=False, disable_numparse=True, colalign=align)}\n"
    )


def _for_markdown(cell: str) -> str:
    return cell.replace("|", "\\|").replace("<", "\\<")


def latex(shown: Display) -> str:
    """A table that a paper can \\input, with the package booktabs alone.

    An empty group stands before a cell that begins with a bracket or a star: at the beginning of a row, LaTeX would
    take it for an argument of the command before.
    """
    align = "l" * shown.names + "r" * (len(shown.cells.columns) - shown.names)
    style = shown.cells.style.hide(axis=0).format(escape="latex").format_index(escape="latex", axis=1)
    style = style.apply(lambda frame: shown.bold.map(lambda bold: "textbf:--rwrap" if bold else ""), axis=None)
    tabular = style.to_latex(hrules=True, column_format=align)
    tabular = re.sub(r"^(?=[\[*])", "{}", tabular, flags=re.MULTILINE)
    tabular = tabular.replace("±", r"$\pm$").replace("≈", r"$\approx$").rstrip()
    return f"% {shown.caption}\n% In a paper: \\usepackage{{booktabs}} and \\input{{table}}.\n{tabular}\n"


def show(shown: Display, console: Console) -> None:
    """Print at most `SHOWN_ROWS` rows. If the table is too wide for the terminal, leave out further columns, the last
    first; if the names are, join them in one column and print fewer rows; if it still is, print several tables."""
    console.print(shown.caption, markup=False, highlight=False)
    cells, bold, names, rows = shown.cells, shown.bold, shown.names, SHOWN_ROWS
    left_out: list[str] = []
    while len(left_out) < shown.further and _width(cells) > console.width:
        left_out.insert(0, cells.columns[-1])
        cells, bold = cells.iloc[:, :-1], bold.iloc[:, :-1]
    if _width(cells) > console.width and names > 2:
        joined = [
            " ".join(f"{key}={value}" for key, value in row.items() if value != MISSING)
            for row in cells.iloc[:, :names].to_dict("records")
        ]
        cells, bold = cells.iloc[:, names:].copy(), bold.iloc[:, names:].copy()
        cells.insert(0, "configuration", joined)
        bold.insert(0, "configuration", False)
        names, rows = 1, SHOWN_LONG_ROWS
    narrow = _width(cells) > console.width
    for numbers in _fitting(cells, names, console.width):
        table = Table(show_lines=rows < SHOWN_ROWS)
        for i in numbers:
            heading = str(cells.columns[i])
            longest = max(map(len, cells.iloc[:, i]), default=0)
            if i < names:
                table.add_column(Text(heading), overflow="fold", min_width=min(LEAST_WIDTH, longest))
            else:  # a long key must hide neither its value nor other columns
                key, _, value = heading.partition("=")
                split = narrow and bool(value)
                text = Text(f"{key}\n={value}" if split else heading)
                table.add_column(text, justify="right", no_wrap=True, max_width=longest if split else None)
        shown_cells, marks = cells.iloc[:rows, numbers].values, bold.iloc[:, numbers].values
        for row, its in zip(shown_cells, marks, strict=False):
            table.add_row(*(Text(cell, style="bold" if best else "") for cell, best in zip(row, its, strict=True)))
        console.print(table)
    if len(cells) > rows:
        console.print(f"{len(cells) - rows:,} more rows are in table.md")
    if left_out:
        console.print(f"{', '.join(left_out)}: in table.md", markup=False, highlight=False)


def _fitting(cells: pd.DataFrame, names: int, width: int) -> list[list[int]]:
    """The columns by number, in as many tables as it takes for all to fit; each begins with those that name a row."""
    beside = [*range(names)]
    room = width - 1 - sum(min(LEAST_WIDTH, max(map(len, cells.iloc[:, i]), default=0)) + 3 for i in beside)
    tables: list[list[int]] = [[]]
    used = 0
    for i in range(names, len(cells.columns)):
        last = str(cells.columns[i]).rpartition("=")[2]
        need = max(len(last), *map(len, cells.iloc[:, i])) + 3
        if tables[-1] and used + need > room:
            tables.append([])
            used = 0
        tables[-1].append(i)
        used += need
    return [[*beside, *its] for its in tables]


def _width(cells: pd.DataFrame) -> int:
    """Characters of a line of the table on the terminal."""
    return sum(max(len(heading), *cells[heading].map(len)) + 3 for heading in cells)
