"""The table of a sweep, laid out for reading: terminal, Markdown, LaTeX, HTML; and unrounded as CSV."""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hpsearch.errors import UsageError
from hpsearch.formatting import MISSING, SPREADS, count, percent
from hpsearch.report.summary_table import COLUMNS, is_numeric, ordered_values, position, text

SHOWN_ROWS = 40  # on the terminal
SHOWN_LONG_ROWS = 5  # of configurations that take several lines each


@dataclass(frozen=True)
class Layout:
    """rows, columns: swept keys; columns None: a row per configuration. spread: one of `SPREADS`."""

    rows: tuple[str, ...]
    columns: str | None
    spread: str = "seed_std"


def layout(table: pd.DataFrame, swept: list[str], rows: list[str], columns: str | None, spread: str) -> Layout:
    """The layout that the user asked for, or the paper's: two swept keys make a pivot with the numeric one in its
    rows, else the one with more values. Raises UsageError for a key that was not swept."""
    for option, key in [*(("--rows", key) for key in rows), *((("--columns", columns),) if columns else ())]:
        if key not in swept:
            raise UsageError([f"{option}={key}: not swept here; swept were {', '.join(swept) or 'no keys'}"])
    if columns in rows:
        raise UsageError([f"--columns={columns}: is in --rows too; name another of {', '.join(swept)}"])
    left = [key for key in swept if key not in rows]
    if columns is None and rows and len(left) == 1:
        columns = left[0]
    elif columns is None and not rows and len(swept) == 2 and len(table) > max(table[swept].nunique()):
        first, second = swept  # and not one key that follows from the other, as lr may from the optimizer
        numeric = is_numeric(table, first), is_numeric(table, second)
        fewer = table[first].nunique() < table[second].nunique()
        columns = first if numeric == (False, True) or (numeric[0] == numeric[1] and fewer) else second
    elif columns is None and rows:
        raise UsageError([f"--rows={','.join(rows)}: leaves {', '.join(left) or 'no key'}; name one with --columns"])
    return Layout((*rows, *(key for key in left if key != columns)), columns, spread)


@dataclass(frozen=True)
class Display:
    """cells: all strings; the first `names` columns name a row. bold: the best ones, of the same shape."""

    cells: pd.DataFrame
    bold: pd.DataFrame
    caption: str
    names: int


def display(table: pd.DataFrame, swept: list[str], layout: Layout, title: str) -> Display:
    """table: `configurations.summarise` with the columns best and tie. Accuracies in percent."""
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    bold: dict[tuple[str, ...], dict[str, bool]] = {}
    uneven = table.n.nunique() > 1
    order = list(table.index)
    if layout.columns is None:
        order = list(table.sort_values("val_mean", ascending=False, kind="stable").index)
    else:
        values = {key: ordered_values(table, key) for key in layout.rows}
        order.sort(key=lambda c: [position(values[key], table.loc[c, key]) for key in layout.rows])
    for configuration in order:
        row = table.loc[configuration]
        names = tuple(text(row[key]) for key in layout.rows)
        test = percent(row.test_mean, _spread(row, layout.spread)) + (" ≈" if row.tie else "")
        finished, n = int(row.finished), int(row.n)
        seeds = str(n) if finished == n else f"{finished}/{n}"
        if layout.columns is None:
            cells = {"seeds": seeds, "validation": percent(row.val_mean, row.val_std), "test": test}
        else:
            shown = finished < n or uneven
            cells = {_heading(table, layout.columns, row[layout.columns]): f"{test} ({seeds})" if shown else test}
        rows.setdefault(names, {}).update(cells)
        bold.setdefault(names, {}).update(dict.fromkeys(cells, bool(row.best)))
    headings = list(dict.fromkeys(heading for cells in rows.values() for heading in cells))
    if layout.columns is not None:
        headings = [_heading(table, layout.columns, value) for value in ordered_values(table, layout.columns)]
    shape = [*layout.rows, *headings]
    cells = pd.DataFrame([[*names, *(c.get(h, "") for h in headings)] for names, c in rows.items()], columns=shape)
    marks = [[False] * len(names) + [c.get(h, False) for h in headings] for names, c in bold.items()]
    caption = _caption(table, layout, title)
    return Display(cells, pd.DataFrame(marks, columns=shape), caption, len(layout.rows))


def _heading(table: pd.DataFrame, key: str, value: Any) -> str:
    words = text(value)
    return f"{key}={words}" if is_numeric(table, key) and words != MISSING else words


def _spread(row: "pd.Series[Any]", spread: str) -> float:
    if spread == "interval":
        return float(row.test_high - row.test_mean)
    return float(row["test_std" if spread == "seed_std" else spread])


def _caption(table: pd.DataFrame, layout: Layout, title: str) -> str:
    seeds = sorted(set(table.n))
    over = f"{seeds[0]} to {seeds[-1]} seeds" if len(seeds) > 1 else count(seeds[0], "seed")
    parts = [f"{title}: {'accuracy' if layout.columns is None else 'test accuracy'} in %, mean"]
    parts[0] += f" over {over}"
    if seeds[-1] > 1 or layout.spread in ("test_se", "batch_std"):
        parts[0] += f" ± {SPREADS[layout.spread]}"
    if len(table) > 1 and table.best.any():
        parts.append(f"Bold: the best on validation{' of each data set' if table.best.sum() > 1 else ''}")
    if table.tie.any():
        parts.append("≈: not distinguishable from it on test")
    if (table.finished < table.n).any():
        lost = table[table.finished < table.n].iloc[0]
        parts.append(f"{int(lost.finished)}/{int(lost.n)}: seeds that finished")
    return ". ".join(parts) + "."


def write(folder: Path, shown: Display, table: pd.DataFrame, swept: list[str]) -> None:
    """Write table.csv, .md, .tex and .html into a folder."""
    unrounded(table, swept).to_csv(folder / "table.csv", index=False)
    (folder / "table.md").write_text(markdown(shown), encoding="utf-8")
    (folder / "table.tex").write_text(latex(shown), encoding="utf-8")
    (folder / "table.html").write_text(html(shown, whole=True), encoding="utf-8")


def unrounded(table: pd.DataFrame, swept: list[str]) -> pd.DataFrame:
    """The columns of table.csv."""
    return table[[*swept, *COLUMNS]]


def markdown(shown: Display) -> str:
    """A pipe table below its caption."""
    cells = shown.cells.map(lambda cell: cell.replace("|", "\\|"))
    cells = cells.mask(shown.bold, "**" + cells + "**")
    align = ["left" if i < shown.names else "right" for i in range(len(cells.columns))]
    return f"{shown.caption}\n\n{cells.to_markdown(index=False, disable_numparse=True, colalign=align)}\n"


def _styled(shown: Display, target: str, bold: str) -> Any:  # Styler: its import takes a tenth of a second
    style = shown.cells.style.hide(axis=0).format(escape=target).format_index(escape=target, axis=1)
    return style.apply(lambda frame: shown.bold.replace({True: bold, False: ""}), axis=None)


def latex(shown: Display) -> str:
    """A document that compiles as it is; a paper can also \\input it (package standalone)."""
    align = "l" * shown.names + "r" * (len(shown.cells.columns) - shown.names)
    tabular = _styled(shown, "latex", "textbf:--rwrap").to_latex(hrules=True, column_format=align)
    tabular = tabular.replace("±", r"$\pm$").replace("≈", r"$\approx$").rstrip()
    return rf"""% {shown.caption}
% In a paper: \usepackage{{booktabs,standalone}} and \input{{table}} inside a table environment.
\documentclass{{standalone}}
\usepackage{{booktabs}}
\begin{{document}}
{tabular}
\end{{document}}
"""


def html(shown: Display, whole: bool = False) -> str:
    """A table; `whole`: as a page of its own."""
    style = _styled(shown, "html", "font-weight: bold").set_caption(escape(shown.caption))
    return str(style.to_html(doctype_html=whole))


def show(shown: Display, console: Console) -> None:
    """Print to the terminal, at most `SHOWN_ROWS` rows; where the names do not fit, in one column and fewer rows."""
    console.print(shown.caption, markup=False, highlight=False)
    cells, bold, names, rows = shown.cells, shown.bold, shown.names, SHOWN_ROWS
    if sum(max(len(heading), *cells[heading].map(len)) + 3 for heading in cells) > console.width and names > 2:
        joined = [
            " ".join(f"{key}={value}" for key, value in row.items() if value != MISSING)
            for row in cells.iloc[:, :names].to_dict("records")
        ]
        cells, bold = cells.iloc[:, names:].copy(), bold.iloc[:, names:].copy()
        cells.insert(0, "configuration", joined)
        bold.insert(0, "configuration", False)
        names, rows = 1, SHOWN_LONG_ROWS
    table = Table(show_lines=rows < SHOWN_ROWS)
    for i, heading in enumerate(cells):
        table.add_column(Text(heading), justify="left" if i < names else "right", overflow="fold", no_wrap=i >= names)
    for row, marks in zip(cells.head(rows).values, bold.values, strict=False):
        table.add_row(*(Text(cell, style="bold" if best else "") for cell, best in zip(row, marks, strict=True)))
    console.print(table)
    if len(cells) > rows:
        console.print(f"{len(cells) - rows:,} more rows are in table.md")
