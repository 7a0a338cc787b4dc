"""Every figure of a report, drawn and written."""

import logging
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
from matplotlib import style
from matplotlib.figure import Figure

from hpsearch.record.file import write_whole
from hpsearch.record.frame import Runs
from hpsearch.report.figure_style import STYLE, plain_logarithms
from hpsearch.report.findings import Findings
from hpsearch.report.learning_curves import curves
from hpsearch.report.metric_figures import heatmap, seeds, slice_, time
from hpsearch.report.section import Section

logging.getLogger("fontTools").setLevel(logging.WARNING)  # at INFO it logs every glyph


Drawing = Callable[[], Mapping[str, Figure | None]]  # figures by file name

_drawings: list[Drawing] = []  # a global, because the forked processes inherit it: closures cannot be pickled


def drawings(findings: Findings) -> list[Drawing]:
    """The figures of a report, each drawn by a call. None stands for a figure without data."""
    runs, table = findings.runs, findings.table
    return [
        lambda: {"curves": curves(runs, table)},
        lambda: {"seeds": seeds(runs, table)},
        lambda: {"heatmap": heatmap(runs, table, findings.layout)},
        *(partial(lambda key: {f"slice_{key}": slice_(runs, table, key)}, key) for key in runs.swept),
        lambda: {"time": time(runs, table)},
        *([lambda: _of_search(runs, table)] if any(origin.searched for origin in findings.origins) else []),
    ]


def of_section(section: Section) -> Mapping[str, Figure | None]:
    """The figure of a further section of the page."""
    return {section.name: section.draw() if section.draw else None}


def _of_search(runs: Runs, table: pd.DataFrame) -> Mapping[str, Figure]:
    from hpsearch.report import search_figures  # late, because Optuna takes half a second

    return search_figures.figures(runs, table)


def write(folder: Path, drawings: Sequence[Drawing]) -> list[str]:
    """Draw the figures and write them as PNG and PDF; return their names without a suffix.

    On Linux one process per core draws.
    """
    _drawings[:] = drawings
    draw, numbers = partial(_draw, folder), range(len(drawings))
    if sys.platform == "linux":
        cores = len(os.sched_getaffinity(0))
        with (
            warnings.catch_warnings(),
            ProcessPoolExecutor(cores, get_context("fork"), signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool,
        ):
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads; the children use none
            names = list(pool.map(draw, numbers))
    else:
        names = list(map(draw, numbers))
    return [name for each in names for name in each]


def _draw(folder: Path, number: int) -> list[str]:
    """Draw and save; return the names of the figures with data."""
    with style.context(["default", STYLE]):  # whatever a matplotlibrc of the user's says
        made = _drawings[number]().items()
        drawn = {re.sub(r"[^\w.+-]", "_", name)[:150]: figure for name, figure in made if figure is not None}
        for name, figure in drawn.items():
            plain_logarithms(figure)
            box = None if figure.get_layout_engine() else "tight"  # Optuna's figures have no layout engine
            for suffix, about in (("pdf", {"CreationDate": None}), ("png", {})):
                buffer = BytesIO()
                figure.savefig(buffer, format=suffix, metadata=about, bbox_inches=box)
                write_whole(folder / f"{name}.{suffix}", buffer.getvalue())
    return list(drawn)
