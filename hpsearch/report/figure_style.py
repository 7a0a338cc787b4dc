"""What the figures share: sizes, colours, fonts.

Sizes are those of a two-column page, so that a 7-point label stays one when the figure is put into a paper.
Lines differ in colour (Okabe and Ito's palette, made for the colour-blind), in dashes and in markers.
"""

from typing import Any

from matplotlib.ticker import PercentFormatter

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


def line(i: int) -> dict[str, Any]:
    """Colour, dashes and marker of the i-th line; the first 28 differ."""
    dashes = DASHES[(i + i // len(COLOURS)) % len(DASHES)]
    return {"color": COLOURS[i % len(COLOURS)], "linestyle": dashes, "marker": MARKERS[i % len(MARKERS)]}


def percents(axis: Any) -> None:
    """Label the fractions of an axis in percent."""
    axis.set_major_formatter(PercentFormatter(1, symbol=""))
