"""Figures of the metric: the pivot, the seeds, a slice along one key, the metric against time.

Long, because each figure is drawn by one function.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hpsearch.record.frame import Runs
from hpsearch.report.figure_style import (
    COLOURS,
    COLUMN,
    PAGE,
    SHOWN,
    SHOWN_ROWS,
    line_style,
    logarithmic,
    percents,
    value_axis,
)
from hpsearch.report.short_names import figure_name
from hpsearch.report.stats import Floats
from hpsearch.report.summary_table import best_first, is_numeric, ordered_values, position, text
from hpsearch.report.tables import Layout

NEAR, NEAR_RELATIVE = 0.02, 0.1  # difference on test to the winner: of a fraction; of another metric, relative


def heatmap(runs: Runs, table: pd.DataFrame, layout: Layout) -> Figure | None:
    """The pivot of the metric on test, light where it is good: the winner framed, cells with unfinished seeds hatched.
    None without a pivot, or for one too large to read."""
    if layout.columns is None or len(layout.rows) != 1:
        return None
    measure, row_key, column_key = runs.measure, layout.rows[0], layout.columns
    rows, columns = ordered_values(table, row_key), ordered_values(table, column_key)
    if max(len(rows), len(columns)) > SHOWN_ROWS:
        return None
    values = np.full((len(rows), len(columns)), np.nan)
    size = max(COLUMN, 0.62 * len(columns) + 1.2), 0.34 * len(rows) + 0.9
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    for _, row in table.iterrows():
        y, x = position(rows, row[row_key]), position(columns, row[column_key])
        values[y, x] = row.test_mean
        if row.finished < row.n:
            axes.add_patch(_box(x, y, hatch="////", edgecolor="#666666", linewidth=0))
        if row.best:
            axes.add_patch(_box(x, y, edgecolor=COLOURS[1], linewidth=2))
    norm = LogNorm() if table.finished.any() and logarithmic(measure, values) else None
    image = axes.imshow(values, cmap="cividis" if measure.maximize else "cividis_r", norm=norm, aspect="auto")
    for (y, x), value in np.ndenumerate(values):
        if not np.isnan(value):
            height = float(image.norm(float(value)))  # type: ignore[arg-type]
            colour = "white" if (height if measure.maximize else 1 - height) < 0.55 else "black"
            axes.text(x, y, measure.value(float(value)), ha="center", va="center", color=colour, fontsize=7)
    axes.set_xticks(range(len(columns)), [text(value) for value in columns])
    axes.set_yticks(range(len(rows)), [text(value) for value in rows])
    axes.set(xlabel=column_key, ylabel=row_key)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes)
    bar.set_label(measure.label("test"))
    bar.outline.set_visible(False)
    if measure.in_percent:
        percents(bar.ax.yaxis)
    return figure


def _box(x: int, y: int, **style: Any) -> Rectangle:
    return Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, fill=False, clip_on=False, **style)


def seeds(runs: Runs, table: pd.DataFrame) -> Figure | None:
    """The metric on test of every seed, with the mean and its 95 % t-interval; best validation on top. If others lie
    far away, a second panel shows the configurations near the winner."""
    shown = best_first(table[table.finished > 0]).head(SHOWN_ROWS)
    if shown.empty:
        return None
    measure = runs.measure
    done = runs.finished[measure.test]
    values = {c: done.get_group(c).to_numpy() for c in shown.index}
    winners = shown[shown.best]
    best = measure.sign * (measure.sign * (shown.head(1) if winners.empty else winners).test_mean).max()
    reach = NEAR if measure.in_percent else NEAR_RELATIVE * abs(best)
    near = shown[(shown.test_mean - best).abs() <= reach]
    low, high = (f(f(values[c]) for c in near.index) for f in (min, max))
    margin = 0.08 * max(high - low, 0.1 * reach)
    everything = np.concatenate(list(values.values()))
    zoom = np.ptp(everything) > 3 * (high - low + 2 * margin)
    figure = Figure(figsize=(PAGE, 0.21 * len(shown) + 0.75), layout="constrained")
    panels = figure.subplots(1, 2 if zoom else 1, sharey=True, squeeze=False)[0]
    for axes in panels:
        for y, (c, row) in enumerate(shown.iterrows()):
            _strip(axes, y, row, values[c], COLOURS[1] if row.best else COLOURS[0], measure.in_percent)
        axes.grid(axis="y", visible=False)
        value_axis(axes, "x", measure, "test", everything if axes is panels[0] else near.test_mean)
    if zoom:
        panels[0].set_title("all")
        panels[1].set_title("near the best")
        panels[1].set_xlim(low - margin, high + margin)
    names = [figure_name(row, runs.swept) + _lost(row) for _, row in shown.iterrows()]
    panels[0].set_yticks(range(len(shown)), names)
    panels[0].set_ylim(len(shown) - 0.4, -0.6)
    return figure


def _strip(axes: Axes, y: int, row: "pd.Series[Any]", values: Floats, colour: str, share: bool) -> None:
    """share: True if no interval ends beyond 0 or 1."""
    axes.plot(values, np.full(len(values), y), "o", color=colour, markersize=4, alpha=0.45, markeredgewidth=0)
    axes.plot(row.test_mean, y, "|", color=colour, markersize=11, markeredgewidth=1.8)
    if row.test_low == row.test_low:
        ends = np.array([row.test_low, row.test_high])
        axes.plot(ends.clip(0, 1) if share else ends, [y, y], color=colour, linewidth=1)


def _lost(row: "pd.Series[Any]") -> str:
    return f" ({int(row.finished)}/{int(row.n)})" if row.finished < row.n else ""


def slice_(runs: Runs, table: pd.DataFrame, key: str) -> Figure | None:
    """The metric on validation along one numeric key: a line for each choice of the other keys, or points if these are
    many. Dotted: the ends of the range tried; star: the winner; crosses: pruned ones. None without a range."""
    shown = table[table.val_mean.notna() & table[key].notna()]
    if not is_numeric(table, key) or table[key].nunique() < 2 or shown.empty:
        return None
    figure = Figure(figsize=(COLUMN, 2.4), layout="constrained")
    axes = figure.subplots()
    others = [other for other in runs.swept if other != key]
    groups = [((), shown)] if not others else list(shown.groupby(others, sort=False, dropna=False))
    lines = len(groups) <= len(COLOURS) and (not others or len(groups) < len(shown))
    if lines:
        for i, (values, group) in enumerate(groups):
            group = group.sort_values(key)
            name = " ".join(f"{other}={text(value)}" for other, value in zip(others, values, strict=True))
            x, spread = group[key].astype(float), group.val_std.fillna(0)
            axes.errorbar(x, group.val_mean, spread, label=name or None, markersize=4, capsize=2, **line_style(i))
    else:
        _points(axes, shown[key].astype(float), shown.val_mean)
    tried = table[key].dropna()  # those of pruned configurations, too
    low, high = float(tried.min()), float(tried.max())
    if low > 0 and high / low >= 10:
        axes.set_xscale("log")
    for edge, told in ((low, "ends of what was tried"), (high, None)):
        axes.axvline(edge, color="#999999", linestyle=":", linewidth=0.8, zorder=0, label=told)
    pruned = table[table["last"].notna() & table[key].notna()]
    axes.plot(pruned[key].astype(float), pruned["last"], "x", color="#666666", markersize=3, zorder=1)
    best = shown[shown.best]
    axes.plot(best[key].astype(float), best.val_mean, "*", color="black", markersize=9, zorder=5)
    axes.set(xlabel=key)
    value_axis(axes, "y", runs.measure, "validation", shown.val_mean)
    figure.legend(loc="outside lower center")
    return figure


def time(runs: Runs, table: pd.DataFrame) -> Figure | None:
    """The mean on test of each configuration against the mean training time of its runs. None if every run was
    trained beside others, because its time is then a share of a common stack's."""
    shown = table[table.finished > 0]
    if all(record["lanes"] > 1 for record in runs.records):
        return None
    if shown.empty or shown.seconds.max() < 1.05 * shown.seconds.min():
        return None
    few = len(shown) <= SHOWN
    figure = Figure(figsize=(COLUMN, 2.3 + 0.15 * len(shown) * few), layout="constrained")
    axes = figure.subplots()
    if few:
        for i, (_, row) in enumerate(shown.iterrows()):
            style = line_style(i) | {"linestyle": "none"}
            name, spread = figure_name(row, runs.swept), 0 if np.isnan(row.test_std) else row.test_std
            axes.errorbar(row.seconds, row.test_mean, spread, label=name, markersize=5, capsize=2, **style)
    else:
        _points(axes, shown.seconds, shown.test_mean)
    best = table[table.best]
    axes.plot(best.seconds, best.test_mean, "*", color="black", markersize=9, zorder=5)
    if shown.seconds.max() > 10 * max(shown.seconds.min(), 1e-9):
        axes.set_xscale("log")
    axes.set(xlabel="training time of a run (s)")
    value_axis(axes, "y", runs.measure, "test", shown.test_mean)
    if few:
        figure.legend(loc="outside lower center")
    return figure


def _points(axes: Axes, x: "pd.Series[float]", y: "pd.Series[float]") -> None:
    axes.plot(x, y, "o", color=COLOURS[0], markersize=3, alpha=0.5, markeredgewidth=0)
