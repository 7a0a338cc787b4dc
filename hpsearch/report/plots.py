"""Every figure of a report, drawn and written."""

import logging
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from hpsearch.report import look
from hpsearch.report.accuracies import heatmap, seeds, slice_, time
from hpsearch.report.curves import curves
from hpsearch.report.runs import Runs
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


def figures(runs: Runs, table: pd.DataFrame, layout: Layout) -> dict[str, Figure]:
    """Every figure that these runs have numbers for, by its file's name: a key of `CAPTIONS`, or slice_<swept key>."""
    with mpl.rc_context(look.STYLE):
        drawn = {
            "curves": curves(runs, table),
            "seeds": seeds(runs, table),
            "heatmap": heatmap(table, layout),
            **{f"slice_{key}": slice_(runs, table, key) for key in runs.swept},
            "time": time(runs, table),
        }
    return {name: figure for name, figure in drawn.items() if figure is not None}


def write(folder: Path, drawn: dict[str, Figure]) -> dict[str, bytes]:
    """Write the figures as PNG and PDF, in place of those of an earlier report; returns the PNGs."""
    for name in CAPTIONS:
        for old in (*folder.glob(f"{name}*.png"), *folder.glob(f"{name}*.pdf")):
            old.unlink()
    images = {}
    with mpl.rc_context(look.STYLE):
        for name, figure in drawn.items():
            box = None if figure.get_layout_engine() else "tight"  # Optuna's have no layout of their own
            figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None}, bbox_inches=box)
            figure.savefig(folder / f"{name}.png", bbox_inches=box)
            images[name] = (folder / f"{name}.png").read_bytes()
    return images
