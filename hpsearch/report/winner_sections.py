"""Sections about the winner's predictions on its test rows, from ``predictions.npz`` in the folder of its run.

Long, because each figure is drawn by one function.
"""

from collections.abc import Iterator
from functools import partial
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hpsearch.formatting import count, number_text, percent
from hpsearch.record.predictions import Predictions
from hpsearch.report.analysis import Findings
from hpsearch.report.figure_style import COLOURS, COLUMN, PAGE
from hpsearch.report.section import Section
from hpsearch.report.summary_table import label

MOST_CLASSES = 30  # in a figure of the confusion matrix
MOST_COLUMNS = 12  # of a table row
NUMBERS = "The rows of the data are counted from 0."
ACROSS = 6  # images in a row
POINTS = 4000  # in a figure; more are thinned out


def sections(findings: Findings) -> list[Section]:
    """The sections about the winner of each data set whose predictions are there."""
    frame, sweeps = findings.runs.frame, {sweep.name: sweep for sweep in findings.sweeps}
    winners = [verdict.winner for verdict in findings.verdicts if verdict.winner is not None]
    found: list[Section] = []
    for winner in winners:
        for _, run in frame[(frame.configuration == winner) & (frame.status == "finished")].iterrows():
            predictions = Predictions.read(sweeps[run.sweep] / run.folder)
            if predictions is not None:
                data = f" on {run.data_set}" if len(winners) > 1 else ""
                name = label(findings.table.loc[winner], findings.runs.swept)
                found += _sections(predictions, f"{name}, seed {run.seed}", data, findings.runs.measure.target)
                break
    return found


def _sections(found: Predictions, run: str, data: str, target: str) -> Iterator[Section]:
    """run: its configuration and seed. data: words behind a title if there are several data sets."""
    n, classes = len(found.y), list(found.classes)
    if classes:
        wrong = int((found.y != found.predicted).sum())
        text = f"{run}: {n - wrong:,} of {count(n, 'test sample')} right, {wrong:,} wrong. A row is a true class."
        matrix = np.zeros((len(classes), len(classes)), int)
        np.add.at(matrix, (found.y, found.predicted), 1)
        draw = partial(confusion, matrix, classes) if len(classes) <= MOST_CLASSES else None
        yield Section(f"Confusion matrix{data}", text, draw, _confused(matrix, classes) if wrong else None)
    else:
        text = f"{run}, on {count(n, 'test sample')}. On the line, a prediction is right; circled: the largest errors."
        yield Section(f"Predicted against true{data}", text, partial(scatter, found, target))
    if not len(found.worst):
        return
    text = f"The {len(found.worst)} test samples that are most wrong: the true class is thought least probable."
    if not classes:
        text = f"The {len(found.worst)} test samples with the largest errors."
    if found.images.ndim > 2:
        yield Section(f"Most wrong{data}", f"{text} {NUMBERS}", partial(pictures, found), wide=True)
    else:
        yield Section(f"Most wrong{data}", f"{text} {NUMBERS}", table=_rows(found))


def _confused(matrix: Any, classes: list[str]) -> pd.DataFrame:
    """The pairs of classes that are mistaken most often."""
    mistakes = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-mistakes, axis=None, kind="stable")[:5]
    places = [np.unravel_index(place, matrix.shape) for place in order if mistakes.flat[place]]
    shares = [f"{percent(matrix[i, j] / matrix[i].sum())} %" for i, j in places]
    rows = [(classes[i], classes[j], matrix[i, j], share) for (i, j), share in zip(places, shares, strict=True)]
    return pd.DataFrame(rows, columns=["true", "predicted", "samples", "of the true class"])


def _rows(found: Predictions) -> pd.DataFrame:
    """The samples that are most wrong, with their columns as they were loaded."""
    table = pd.DataFrame({"row": found.rows, **_judged(found)})
    for column, name in enumerate(found.columns[:MOST_COLUMNS]):
        table[str(name) if str(name) not in table else f"{name} (data)"] = found.cells[:, column]
    return table


def _judged(found: Predictions) -> dict[str, list[str]]:
    true, predicted = found.y[found.worst], found.predicted[found.worst]
    if not len(found.classes):
        texts = {"true": true, "predicted": predicted, "error": predicted - true}
        return {name: [number_text(float(value)) for value in values] for name, values in texts.items()}
    sure = [f"{percent(float(p))} %" for p in found.probability[found.worst, 0]]
    return {"true": list(found.classes[true]), "predicted": list(found.classes[predicted]), "its probability": sure}


def confusion(matrix: Any, classes: list[str]) -> Figure:
    """Counts of test samples; the colour is the share of the true class."""
    size = max(COLUMN, 0.32 * len(classes) + 1.3)
    figure = Figure(figsize=(size, 0.85 * size), layout="constrained")
    axes = figure.subplots()
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (i, j), number in np.ndenumerate(matrix):
        if number:
            colour = "white" if shares[i, j] > 0.5 else "black" if i == j else COLOURS[1]
            axes.text(j, i, str(number), ha="center", va="center", fontsize=7, color=colour)
    names = [name if len(name) <= 16 else f"{name[:15]}…" for name in classes]
    axes.set_xticks(range(len(classes)), names, rotation=90 if max(map(len, names)) > 3 else 0)
    axes.set_yticks(range(len(classes)), names)
    axes.set(xlabel="predicted", ylabel="true")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    return figure


def scatter(found: Predictions, target: str) -> Figure:
    """Predictions against true values, with the line of right ones; the most wrong ones marked."""
    figure = Figure(figsize=(COLUMN, COLUMN), layout="constrained")
    axes = figure.subplots()
    thinned = slice(None, None, ceil(len(found.y) / POINTS))
    alpha = 0.5 if len(found.y) < 1000 else 0.25
    axes.plot(found.y[thinned], found.predicted[thinned], "o", color=COLOURS[0], markersize=3, alpha=alpha, mew=0)
    worst = found.worst
    axes.plot(found.y[worst], found.predicted[worst], "o", color=COLOURS[1], markersize=4, fillstyle="none", mew=0.8)
    low, high = (float(f(f(found.y), f(found.predicted))) for f in (min, max))
    margin = 0.04 * (high - low)
    axes.plot([low, high], [low, high], color="#666666", linewidth=0.8, zorder=0)
    limits = low - margin, high + margin
    name = target or "the target"
    axes.set(xlabel=f"true {name}", ylabel=f"predicted {name}", xlim=limits, ylim=limits, aspect="equal")
    return figure


def pictures(found: Predictions) -> Figure:
    """The images that are most wrong, with what they are and what they are taken for. One axes holds all, because an
    axes for each takes twice as long to draw."""
    shown = [_shades(image) for image in found.images]
    height, width = shown[0].shape[:2]
    high, wide = 1.4 * height, 1.1 * width  # of a place, with room for its words
    down = ceil(len(shown) / ACROSS)
    figure = Figure(figsize=(PAGE, PAGE * down * high / (ACROSS * wide)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    judged = _judged(found)
    for place, image in enumerate(shown):
        left, bottom = place % ACROSS * wide, (down - 1 - place // ACROSS) * high
        axes.imshow(image, cmap="gray", vmin=0, vmax=1, extent=(left, left + width, bottom, bottom + height))
        words = f"row {found.rows[place]}\ntrue {judged['true'][place]}, predicted {judged['predicted'][place]}"
        axes.text(left + width / 2, bottom + 1.05 * height, words, ha="center", va="bottom", fontsize=6.5)
    axes.set(xlim=(0, ACROSS * wide), ylim=(-0.05 * height, down * high), aspect="equal")
    return figure


def _shades(image: Any) -> Any:
    """An image [height, width] or [height, width, 3] from 0 to 1; of other numbers of channels, the first one."""
    values = image.astype(float)
    values = (values - values.min()) / max(values.max() - values.min(), 1e-12)
    if values.ndim == 2:
        return values
    return np.moveaxis(values, 0, -1) if len(values) == 3 else values[0]
