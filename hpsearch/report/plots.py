"""The figures of a sweep: numbers -> intervals -> pictures. Each function draws one and returns it.

Sizes are those of a two-column page, so that a 7-point label stays one when the figure is put into a paper.
Lines differ in colour (Okabe and Ito's palette, made for the colour-blind), in dashes and in markers.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from hpsearch.report.configurations import is_numeric, label, ordered_values, text
from hpsearch.report.runs import Runs
from hpsearch.report.tables import Layout
from hpsearch.report.verdict import Verdict

Floats = NDArray[np.float64]
logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells a root logger at INFO of every glyph

COLUMN, PAGE = 3.35, 6.9  # inches
SHOWN = 10  # configurations in one figure of lines
SHOWN_ROWS = 25  # in one figure of rows
NEAR = 0.02  # of the winner's test accuracy
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES: tuple[Any, ...] = ("solid", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
MARKERS = "osD^v<>P"
STYLE: Any = {  # mpl.rc_context's keys are a type of 300 literals
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "lines.linewidth": 1.2,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,  # TrueType: publishers refuse Type 3
    "hatch.linewidth": 0.5,
}


CAPTIONS = {
    "curves": "Training loss and validation accuracy: the mean over seeds, with a band of one standard deviation.",
    "heatmap": "Test accuracy. Framed: the best on validation; hatched: not every seed finished.",
    "seeds": "Test accuracy of every seed, its mean and 95 % t-interval; the best on validation first.",
    "time": "Test accuracy against training time; star: the best on validation.",
    "slice": "Validation accuracy along one key, ± standard deviation over seeds. Dotted: the ends of what was tried; "
    "star: the best.",
    "history": "Validation accuracy in the order of the search.",
    "parallel": "A line per configuration through its values.",
    "importances": "Share of the variance of validation accuracy that each key explains (fANOVA).",
}


def figures(runs: Runs, table: pd.DataFrame, verdict: Verdict, layout: Layout) -> dict[str, Figure]:
    """Every figure that these runs have numbers for, by its file's name: a key of `CAPTIONS`, or slice_<swept key>."""
    with mpl.rc_context(STYLE):
        drawn = {
            "curves": curves(runs, table),
            "seeds": seeds(runs, table, verdict),
            "heatmap": heatmap(table, verdict, layout),
            **{f"slice_{key}": slice_(runs, table, verdict, key) for key in runs.swept},
            "time": time(runs, table, verdict),
        }
    return {name: figure for name, figure in drawn.items() if figure is not None}


def write(folder: Path, drawn: dict[str, Figure]) -> dict[str, bytes]:
    """Write the figures as PNG and PDF, in place of those of an earlier report; returns the PNGs."""
    for name in CAPTIONS:
        for old in (*folder.glob(f"{name}*.png"), *folder.glob(f"{name}*.pdf")):
            old.unlink()
    images = {}
    with mpl.rc_context(STYLE):
        for name, figure in drawn.items():
            box = None if figure.get_layout_engine() else "tight"  # Optuna's have no layout of their own
            figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None}, bbox_inches=box)
            figure.savefig(folder / f"{name}.png", bbox_inches=box)
            images[name] = (folder / f"{name}.png").read_bytes()
    return images


def _styles(table: pd.DataFrame, swept: list[str]) -> dict[Any, dict[str, Any]]:
    """Colour and dashes of each configuration: of two swept keys the last changes the dashes, else each line is
    another pair."""
    if len(swept) == 2:
        first, second = (ordered_values(table, key) for key in swept)
        if len(first) <= len(COLOURS) and len(second) <= len(DASHES):
            return {
                c: {
                    "color": COLOURS[first.index(row[swept[0]])],
                    "linestyle": DASHES[second.index(row[swept[1]])],
                    "marker": MARKERS[first.index(row[swept[0]])],
                }
                for c, row in table.iterrows()
            }
    return {
        c: {
            "color": COLOURS[i % len(COLOURS)],
            "linestyle": DASHES[(i + i // len(COLOURS)) % len(DASHES)],
            "marker": MARKERS[i % len(MARKERS)],
        }
        for i, c in enumerate(table.index)
    }


def _best(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """The configurations to show, in the table's order: all, or the best on validation."""
    if len(table) <= most:
        return table
    return table.loc[sorted(table.sort_values("val_mean", ascending=False, kind="stable").index[:most])]


def _percents(axis: Any) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g}"))


def curves(runs: Runs, table: pd.DataFrame) -> Figure | None:
    """Training loss and validation accuracy by epoch: the mean over seeds and a band of one standard deviation."""
    shown = _best(table, SHOWN)
    styles = _styles(shown, runs.swept)
    figure = Figure(figsize=(PAGE, 2.5), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    by_configuration: dict[int, list[dict[str, list[float | None]]]] = {}
    for configuration, entry in zip(runs.frame.configuration, runs.records, strict=True):
        if len(entry["history"]["val_accuracy"]) > 1:
            by_configuration.setdefault(configuration, []).append(entry["history"])
    drawn = [c for c in shown.index if c in by_configuration]
    if not drawn:
        return None
    lines, least, most = [], np.inf, 0.0
    for c in drawn:
        for axes, name in ((loss, "train_loss"), (accuracy, "val_accuracy")):
            mean, low, high = _over_seeds([history[name] for history in by_configuration[c]])
            epochs = np.arange(1, len(mean) + 1)
            style = {key: styles[c][key] for key in ("color", "linestyle")}
            (line,) = axes.plot(epochs, mean, **style)
            axes.fill_between(epochs, low, high, color=style["color"], alpha=0.18, linewidth=0)
            if axes is loss:
                lines.append(line)
                positive = mean[mean > 0]
                least, most = min(least, positive.min(initial=np.inf)), max(most, positive.max(initial=0))
    if most > 30 * least:
        loss.set_yscale("log")
    loss.set(xlabel="epoch", ylabel="training loss")
    accuracy.set(xlabel="epoch", ylabel="validation accuracy (%)")
    _percents(accuracy.yaxis)
    for axes in (loss, accuracy):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if len(table) > 1:
        names = [label(shown.loc[c], runs.swept) for c in drawn]
        figure.legend(lines, names, loc="outside lower center", ncols=_columns(names), handlelength=3)
    return figure


def _columns(names: list[str]) -> int:
    """Of a legend as wide as the page; a character of 7 points is about 0.055 inch wide."""
    return max(1, min(len(names), int(PAGE / (0.055 * max(len(name) for name in names) + 0.55))))


def _over_seeds(lists: Sequence[Sequence[float | None]]) -> tuple[Floats, Floats, Floats]:
    """Mean, and the band of one standard deviation, by epoch, over the runs that got so far with a finite number.
    The band ends at the least value, so that it does not fall off a logarithmic axis."""
    values = np.full((len(lists), max(map(len, lists))), np.nan)
    for row, numbers in zip(values, lists, strict=True):
        row[: len(numbers)] = [np.nan if number is None else number for number in numbers]
    frame = pd.DataFrame(values)
    mean, std = frame.mean(), frame.std(ddof=1).fillna(0)
    return mean.to_numpy(), (mean - std).clip(lower=frame.min()).to_numpy(), (mean + std).to_numpy()


def heatmap(table: pd.DataFrame, verdict: Verdict, layout: Layout) -> Figure | None:
    """The pivot of test accuracy; hatched where seeds did not finish, framed where the winner is. None
    without a pivot, or where it is too large to read."""
    if layout.columns is None or len(layout.rows) != 1:
        return None
    row_key, column_key = layout.rows[0], layout.columns
    rows, columns = ordered_values(table, row_key), ordered_values(table, column_key)
    if max(len(rows), len(columns)) > SHOWN_ROWS:
        return None
    values = np.full((len(rows), len(columns)), np.nan)
    figure = Figure(figsize=(max(COLUMN, 0.62 * len(columns) + 1.2), 0.34 * len(rows) + 0.9), layout="constrained")
    axes = figure.subplots()
    marks: list[Rectangle] = []
    for c, row in table.iterrows():
        y, x = rows.index(row[row_key]), columns.index(row[column_key])
        values[y, x] = row.test_mean
        if row.finished < row.n:
            marks.append(_box(x, y, hatch="////", edgecolor="#666666", linewidth=0))
        if c == verdict.winner:
            marks.append(_box(x, y, edgecolor=COLOURS[1], linewidth=2))
    image = axes.imshow(values, cmap="cividis", aspect="auto")
    for (y, x), value in np.ndenumerate(values):
        if not np.isnan(value):
            dark = float(image.norm(float(value))) < 0.55  # type: ignore[arg-type]
            axes.text(
                x, y, f"{100 * value:.2f}", ha="center", va="center", color="white" if dark else "black", fontsize=7
            )
    for mark in marks:
        axes.add_patch(mark)
    axes.set_xticks(range(len(columns)), [text(value) for value in columns])
    axes.set_yticks(range(len(rows)), [text(value) for value in rows])
    axes.set(xlabel=column_key, ylabel=row_key)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes)
    bar.set_label("test accuracy (%)")
    bar.outline.set_visible(False)
    _percents(bar.ax.yaxis)
    return figure


def _box(x: int, y: int, **style: Any) -> Rectangle:
    return Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, fill=False, clip_on=False, **style)


def seeds(runs: Runs, table: pd.DataFrame, verdict: Verdict) -> Figure | None:
    """Test accuracy of every seed, with the mean and its 95 % t-interval; best validation on top. A second panel
    shows those near the winner where the others lie far away."""
    shown = table[table.finished > 0].sort_values("val_mean", ascending=False, kind="stable").head(SHOWN_ROWS)
    if shown.empty:
        return None
    done = runs.frame[runs.frame.status == "finished"].groupby("configuration").test_accuracy
    accuracies = {c: done.get_group(c).to_numpy() for c in shown.index}
    near = shown[(shown.test_mean - table.loc[verdict.winner].test_mean).abs() <= NEAR]
    low, high = (f(f(accuracies[c]) for c in near.index) for f in (min, max))
    margin = 0.08 * max(high - low, 0.002)
    everything = np.concatenate(list(accuracies.values()))
    zoom = np.ptp(everything) > 3 * (high - low + 2 * margin)
    figure = Figure(figsize=(PAGE, 0.21 * len(shown) + 0.75), layout="constrained")
    panels = figure.subplots(1, 2 if zoom else 1, sharey=True, squeeze=False)[0]
    for axes in panels:
        for y, (c, row) in enumerate(shown.iterrows()):
            _strip(axes, y, row, accuracies[c], COLOURS[1] if c == verdict.winner else COLOURS[0])
        axes.set_xlabel("test accuracy (%)")
        axes.grid(axis="y", visible=False)
        _percents(axes.xaxis)
    if zoom:
        panels[0].set_title("all")
        panels[1].set_title("near the best")
        panels[1].set_xlim(low - margin, high + margin)
    names = [label(row, runs.swept) + _lost(row) for _, row in shown.iterrows()]
    panels[0].set_yticks(range(len(shown)), names)
    panels[0].set_ylim(len(shown) - 0.4, -0.6)
    return figure


def _strip(axes: Axes, y: int, row: "pd.Series[Any]", values: Floats, colour: str) -> None:
    axes.plot(values, np.full(len(values), y), "o", color=colour, markersize=4, alpha=0.45, markeredgewidth=0)
    axes.plot(row.test_mean, y, "|", color=colour, markersize=11, markeredgewidth=1.8)
    if row.test_low == row.test_low:
        axes.plot([row.test_low, row.test_high], [y, y], color=colour, linewidth=1)


def _lost(row: "pd.Series[Any]") -> str:
    return f" ({int(row.finished)}/{int(row.n)})" if row.finished < row.n else ""


def slice_(runs: Runs, table: pd.DataFrame, verdict: Verdict, key: str) -> Figure | None:
    """Validation accuracy along one numeric key: a line for each choice of the others where they are few, else
    points. Dotted lines mark the ends of what was tried, a star the winner."""
    if not is_numeric(table, key) or table[key].nunique() < 2:
        return None
    shown = table[(table.finished > 0) & table[key].notna()]
    if shown.empty:
        return None
    figure = Figure(figsize=(COLUMN, 2.4), layout="constrained")
    axes = figure.subplots()
    others = [other for other in runs.swept if other != key]
    groups = [((), shown)] if not others else list(shown.groupby(others, sort=False, dropna=False))
    if len(groups) <= len(COLOURS):
        for i, (values, group) in enumerate(groups):
            group = group.sort_values(key)
            name = " ".join(f"{other}={text(value)}" for other, value in zip(others, values, strict=True))
            axes.errorbar(
                group[key].astype(float), group.val_mean, yerr=group.val_std.fillna(0), label=name or None,
                color=COLOURS[i], linestyle=DASHES[i % len(DASHES)], marker=MARKERS[i], markersize=4, capsize=2,
            )  # fmt: skip
    else:
        axes.plot(
            shown[key].astype(float), shown.val_mean, "o", color=COLOURS[0], markersize=3, alpha=0.5, markeredgewidth=0
        )
    low, high = float(shown[key].min()), float(shown[key].max())
    if low > 0 and high / low >= 10:
        axes.set_xscale("log")
    for edge in (low, high):
        axes.axvline(edge, color="#999999", linestyle=":", linewidth=0.8, zorder=0)
    if verdict.winner in shown.index:
        best = shown.loc[verdict.winner]
        axes.plot(best[key], best.val_mean, "*", color="black", markersize=9, zorder=5)
    axes.set(xlabel=key, ylabel="validation accuracy (%)")
    _percents(axes.yaxis)
    if others and len(groups) <= len(COLOURS):
        axes.legend()
    return figure


def time(runs: Runs, table: pd.DataFrame, verdict: Verdict) -> Figure | None:
    """Test accuracy against the time of training a run: the means of each configuration. None where the runs of one
    stack shared their time evenly, so that there is nothing to see."""
    shown = table[table.finished > 0]
    if shown.empty or shown.seconds.max() < 1.05 * shown.seconds.min():
        return None
    few = len(shown) <= SHOWN
    figure = Figure(figsize=(COLUMN, 2.3 + 0.15 * len(shown) * few), layout="constrained")
    axes = figure.subplots()
    for i, (_, row) in enumerate(shown.iterrows()):
        axes.errorbar(
            row.seconds, row.test_mean, yerr=row.test_std if few and row.test_std == row.test_std else None,
            color=COLOURS[i % len(COLOURS)] if few else COLOURS[0], marker=MARKERS[i % len(MARKERS)] if few else "o",
            markersize=5 if few else 3, linestyle="none", capsize=2, label=label(row, runs.swept) if few else None,
        )  # fmt: skip
    best = table.loc[verdict.winner]
    axes.plot(best.seconds, best.test_mean, "*", color="black", markersize=9, zorder=5)
    if shown.seconds.max() > 10 * max(shown.seconds.min(), 1e-9):
        axes.set_xscale("log")
    axes.set(xlabel="training time of a run (s)", ylabel="test accuracy (%)")
    _percents(axes.yaxis)
    if few:
        figure.legend(loc="outside lower center")
    return figure
