"""Draw the learning curves, the paper's main figures."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hpsearch.record.frame import Runs
from hpsearch.report.figure_style import COLOURS, DASHES, PAGE, SHOWN, line_style, spans, value_axis
from hpsearch.report.short_names import legend_name
from hpsearch.report.stats import Floats
from hpsearch.report.summary_table import best_first, ordered_values, position


def curves(runs: Runs, table: pd.DataFrame) -> Figure | None:
    """Training loss and the metric on validation by epoch: the mean over seeds and a band of one standard deviation.
    None if no run has two epochs; without a validation split the loss alone."""
    shown = best_first(table).head(SHOWN).sort_index()
    styles = _styles(shown, runs.swept)
    val = runs.measure.val
    records = {c: [r for r in runs.records_of(c) if len(r["history"][val]) > 1] for c in shown.index}
    drawn = [c for c in shown.index if records[c]]
    if not drawn:
        return None
    validated = any(value is not None for c in drawn for record in records[c] for value in record["history"][val])
    names = [legend_name(shown.loc[c], runs.swept) for c in drawn]
    columns = _columns(names)
    lines = ceil(sum(name.count("\n") + 1 for name in names) / columns) * (len(table) > 1)
    figure = Figure(figsize=(PAGE, 2.35 + 0.15 * lines), layout="constrained")
    panels = figure.subplots(1, 1 + validated, squeeze=False)[0]
    for axes, name in zip(panels, ("train_loss", val), strict=False):
        means = []
        for c in drawn:
            mean, low, high = _over_seeds([record["history"][name] for record in records[c]])
            epochs = np.arange(1, len(mean) + 1)
            axes.plot(epochs, mean, **styles[c])
            axes.fill_between(epochs, low, high, color=styles[c]["color"], alpha=0.18, linewidth=0)
            means.append(mean)
        axes.set(xlabel="epoch", ylabel="training loss")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        if name == val:
            value_axis(axes, "y", runs.measure, "validation", np.concatenate(means))
        elif spans(np.concatenate(means)):
            axes.set_yscale("log")
    if len(table) > 1:
        figure.legend(panels[0].lines, names, loc="outside lower center", ncols=columns, handlelength=3)
    return figure


def _columns(names: list[str]) -> int:
    """The number of columns of a legend that fits the page; a character of 7 points is about 0.055 inch wide."""
    return max(
        1, min(len(names), int(PAGE / (0.055 * max(len(line) for name in names for line in name.splitlines()) + 0.55)))
    )


def _over_seeds(lists: Sequence[Sequence[float | None]]) -> tuple[Floats, Floats, Floats]:
    """Mean and band of one standard deviation by epoch, over the runs with a finite number in that epoch. The band ends
    at the least value, because a logarithmic axis has no room below zero."""
    values = np.full((len(lists), max(map(len, lists))), np.nan)
    for row, numbers in zip(values, lists, strict=True):
        row[: len(numbers)] = [np.nan if number is None else number for number in numbers]
    frame = pd.DataFrame(values)
    mean, std = frame.mean(), frame.std(ddof=1).fillna(0)
    return mean.to_numpy(), (mean - std).clip(lower=frame.min()).to_numpy(), (mean + std).to_numpy()


def _styles(table: pd.DataFrame, swept: list[str]) -> dict[Any, dict[str, Any]]:
    """Colour and dashes of each configuration. Of two swept keys the first sets the colour, the second the dashes."""
    if len(swept) == 2:
        first, second = (ordered_values(table, key) for key in swept)
        if len(first) <= len(COLOURS) and len(second) <= len(DASHES):
            colours = {c: COLOURS[position(first, value)] for c, value in table[swept[0]].items()}
            dashes = {c: DASHES[position(second, value)] for c, value in table[swept[1]].items()}
            return {c: {"color": colours[c], "linestyle": dashes[c]} for c in table.index}
    return {c: line_style(i) | {"marker": None} for i, c in enumerate(table.index)}
