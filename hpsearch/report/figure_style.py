"""The style of all figures: sizes, colours, fonts.

Widths are those of a two-column page, so that a 7-point label has 7 points in a paper. Lines differ in colour (the
colour-blind safe palette of Okabe and Ito), in dashes and in markers.
"""

import re
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterMathtext, LogFormatterSciNotation, PercentFormatter
from numpy.typing import ArrayLike

from hpsearch.record.measure import Measure

COLUMN, PAGE = 3.35, 6.9  # inches
SHOWN = 10  # configurations in a figure of lines
SHOWN_ROWS = 25  # configurations in a figure of rows
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES: tuple[Any, ...] = ("solid", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
MARKERS = "osD^v<>P"
STYLE: Any = {  # Any, because the type of its keys lists 300 literals
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
    "text.parse_math": False,  # a value may hold a $, as a class "$50k to $100k"
}
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class PowerFormatter(LogFormatterSciNotation):
    """Labels a logarithmic axis with 10⁻², which needs no parsing of mathematics."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        label = super().__call__(x, pos).replace(r"\times", "×")
        label = re.sub(r"\^\{(.*?)\}", lambda power: power[1].translate(SUPERSCRIPTS), label)
        return re.sub(r"\\mathdefault|[${}]", "", label).replace("−", "-")


def plain_logarithms(figure: Figure) -> None:
    """Give the logarithmic axes of a figure labels without mathematics."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            for which in ("major", "minor"):
                before = getattr(axis, f"get_{which}_formatter")()
                if isinstance(before, LogFormatterMathtext):
                    getattr(axis, f"set_{which}_formatter")(PowerFormatter(labelOnlyBase=before.labelOnlyBase))


def line_style(i: int) -> dict[str, Any]:
    """Colour, dashes and marker of line i; the first 28 lines differ."""
    dashes = DASHES[(i % len(COLOURS) + i // len(COLOURS)) % len(DASHES)]
    return {"color": COLOURS[i % len(COLOURS)], "linestyle": dashes, "marker": MARKERS[i % len(MARKERS)]}


def spans(values: ArrayLike) -> bool:
    """True if the positive values differ so much that only a logarithmic axis shows them all."""
    positive = np.asarray(values)[np.asarray(values) > 0]
    return bool(positive.size) and bool(positive.max() > 30 * positive.min())


def logarithmic(measure: Measure, values: ArrayLike) -> bool:
    """True if values of a metric are errors that differ a lot: one run that fails must not hide the others."""
    return not measure.maximize and not (np.asarray(values) <= 0).any() and spans(values)


def value_axis(axes: Axes, side: str, measure: Measure, part: str, values: ArrayLike) -> None:
    """Label the axis of a metric's values on a part of the data. side: x or y."""
    axes.set(**{f"{side}label": measure.label(part)})
    if measure.in_percent:
        percents(getattr(axes, f"{side}axis"))
    elif logarithmic(measure, values):
        axes.set(**{f"{side}scale": "log"})


def percents(axis: Any) -> None:
    """Label the fractions of an axis in percent."""
    axis.set_major_formatter(PercentFormatter(1, symbol=""))
