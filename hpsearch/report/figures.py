"""Every figure of a report, drawn and written."""

import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from hpsearch.record.frame import Runs
from hpsearch.report import figure_style
from hpsearch.report.accuracy_figures import heatmap, seeds, slice_, time
from hpsearch.report.learning_curves import curves
from hpsearch.report.tables import Layout

logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells a root logger at INFO of every glyph

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

Drawing = Callable[[], Mapping[str, Figure | None]]  # figures by their files' names, which begin with a key of CAPTIONS

_drawings: list[Drawing] = []  # inherited by the processes that draw: they cannot be pickled


def drawings(runs: Runs, table: pd.DataFrame, layout: Layout) -> list[Drawing]:
    """Every figure of these runs, yet to be drawn; None where they have no numbers for it."""
    return [
        lambda: {"curves": curves(runs, table)},
        lambda: {"seeds": seeds(runs, table)},
        lambda: {"heatmap": heatmap(table, layout)},
        *(partial(lambda key: {f"slice_{key}": slice_(runs, table, key)}, key) for key in runs.swept),
        lambda: {"time": time(runs, table)},
    ]


def write(folder: Path, drawings: Sequence[Drawing]) -> dict[str, bytes]:
    """Draw the figures and write them as PNG and PDF, in place of those of an earlier report; returns the PNGs.

    On Linux a process for each core draws.
    """
    for name in CAPTIONS:
        for old in (*folder.glob(f"{name}*.png"), *folder.glob(f"{name}*.pdf")):
            old.unlink()
    _drawings[:] = drawings
    numbers = range(len(drawings))
    draw = partial(_draw, folder)
    if sys.platform == "linux":
        cores = len(os.sched_getaffinity(0))
        with warnings.catch_warnings(), ProcessPoolExecutor(cores, get_context("fork"), _ignore_ctrl_c) as pool:
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking a process with threads; it uses none
            names = list(pool.map(draw, numbers))
    else:
        names = list(map(draw, numbers))
    return {name: (folder / f"{name}.png").read_bytes() for each in names for name in each}


def _draw(folder: Path, number: int) -> list[str]:
    """Draw and save; returns the names of the figures that there are."""
    with mpl.rc_context(figure_style.STYLE):
        drawn = {name: figure for name, figure in _drawings[number]().items() if figure is not None}
        for name, figure in drawn.items():
            box = None if figure.get_layout_engine() else "tight"  # Optuna's have no layout of their own
            figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None}, bbox_inches=box)
            figure.savefig(folder / f"{name}.png", bbox_inches=box)
    return list(drawn)


def _ignore_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that waits for these acts on it
