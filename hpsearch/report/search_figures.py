"""The figures of a search: Optuna's plots of a study that is rebuilt from the records."""

import warnings
from collections.abc import Callable

import matplotlib as mpl
import optuna
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optuna.visualization import matplotlib as draw

from hpsearch.record.frame import Runs
from hpsearch.report.figure_style import logarithmic
from hpsearch.report.rebuilt_study import study

FEWEST = 4  # configurations with a value, for an estimate of importances
PICTURES: dict[str, Callable[..., Axes]] = {
    "history": draw.plot_optimization_history,
    "parallel": draw.plot_parallel_coordinate,
    "importances": draw.plot_param_importances,
}


def figures(runs: Runs, table: pd.DataFrame) -> dict[str, Figure]:
    """The figures history, parallel and importances; none if fewer than `FEWEST` configurations have finished."""
    if not runs.swept or table.val_mean.notna().sum() < FEWEST:
        return {}
    from matplotlib import pyplot

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    searched, drawn = study(runs, table), {}
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()  # because Optuna's plots set a style
        mpl.rcParams["text.parse_math"] = False
        warnings.simplefilter("ignore")  # experimental plots, parameters with one value, few trials
        for name, picture in PICTURES.items():
            axes = picture(searched, target_name=f"validation {runs.measure.title}")
            if name == "history" and logarithmic(runs.measure, table.val_mean):
                axes.set_yscale("log")
            axes.set_title("")
            axes.set_title("", loc="left")
            figure = axes.figure
            assert isinstance(figure, Figure)
            figure.set_size_inches(max(6.4, 1.4 * len(runs.swept)), 4.8)
            drawn[name] = figure
            pyplot.close(figure)
    return drawn
