"""The figures of a search: its history, and Optuna's plots of a study that is rebuilt from the records."""

import warnings
from collections.abc import Callable

import matplotlib as mpl
import optuna
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optuna.visualization import matplotlib as draw

from hpsearch.record.frame import Runs
from hpsearch.report.figure_style import COLOURS, PAGE, value_axis
from hpsearch.report.rebuilt_study import study

FEWEST = 4  # configurations with a value, for an estimate of importances
PICTURES: dict[str, Callable[..., Axes]] = {
    "parallel": draw.plot_parallel_coordinate,
    "importances": draw.plot_param_importances,
}


def figures(runs: Runs, table: pd.DataFrame) -> dict[str, Figure]:
    """The figures history, parallel and importances; none of fewer than `FEWEST` configurations with a value.

    A pruned configuration counts with its last value, because halving leaves too few others.
    """
    values = table.val_mean.fillna(table["last"])
    if not runs.swept or values.notna().sum() < FEWEST:
        return {}
    from matplotlib import pyplot

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    scale = 100 if runs.measure.in_percent else 1
    searched, drawn = (
        study(runs, table.assign(val_mean=scale * values, last=scale * table["last"])),
        {"history": history(runs, table)},
    )
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()  # because Optuna's plots set a style
        mpl.rcParams["text.parse_math"] = False
        warnings.simplefilter("ignore")  # experimental plots, parameters with one value, few trials
        for name, picture in PICTURES.items():
            axes = picture(searched, target_name=runs.measure.label("validation"))
            axes.set_title("")
            axes.set_title("", loc="left")
            figure = axes.figure
            assert isinstance(figure, Figure)
            figure.set_size_inches(max(6.4, 1.4 * len(runs.swept)), 4.8)
            drawn[name] = figure
            pyplot.close(figure)
    return drawn


def history(runs: Runs, table: pd.DataFrame) -> Figure:
    """The metric on validation in the order of the search, the best so far as a line, pruned ones as crosses."""
    figure = Figure(figsize=(PAGE, 2.6), layout="constrained")
    axes, measure = figure.subplots(), runs.measure
    order = runs.frame.groupby("configuration").number.min().reindex(table.index).rank()
    best = (measure.sign * table.val_mean[order.sort_values().index]).cummax().ffill() * measure.sign
    axes.step(order.sort_values(), best, where="post", color=COLOURS[1], label="best so far")
    axes.plot(order, table.val_mean, "o", color=COLOURS[0], markersize=4, label="finished")
    if table["last"].notna().any():
        axes.plot(order, table["last"], "x", color="#666666", markersize=4, label="pruned, its last value")
    axes.set(xlabel="configuration, in the order of the search")
    value_axis(axes, "y", measure, "validation", table.val_mean.fillna(table["last"]))
    figure.legend(loc="outside lower center", ncols=3)
    return figure
