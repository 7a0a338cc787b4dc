"""Figures of the winner's predictions for a paper: the confusion matrix, predictions against true values, images."""

from math import ceil
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hpsearch.record.predictions import Predictions
from hpsearch.report.figure_style import COLOURS, COLUMN, PAGE
from hpsearch.report.most_wrong import judged, shades

ACROSS = 6  # images in a row
POINTS = 4000  # more are thinned out


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
    shown = [shades(image) for image in found.images]
    height, width = shown[0].shape[:2]
    high, wide = 1.4 * height, 1.1 * width  # of a place, with room for its words
    down = ceil(len(shown) / ACROSS)
    figure = Figure(figsize=(PAGE, PAGE * down * high / (ACROSS * wide)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    words_of = judged(found)
    for place, image in enumerate(shown):
        left, bottom = place % ACROSS * wide, (down - 1 - place // ACROSS) * high
        axes.imshow(image, cmap="gray", vmin=0, vmax=1, extent=(left, left + width, bottom, bottom + height))
        words = f"row {found.rows[place]}\ntrue {words_of['true'][place]}, predicted {words_of['predicted'][place]}"
        axes.text(left + width / 2, bottom + 1.05 * height, words, ha="center", va="bottom", fontsize=6.5)
    axes.set(xlim=(0, ACROSS * wide), ylim=(-0.05 * height, down * high), aspect="equal")
    return figure
