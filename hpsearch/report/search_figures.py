"""The figures of a search: Optuna's own, from a study that is made of the records."""

import warnings
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import optuna
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState
from optuna.visualization import matplotlib as draw

from hpsearch.record.frame import Runs
from hpsearch.report.summary_table import is_numeric, text

FEWEST = 4  # finished configurations of which importances can be told
PICTURES: dict[str, Callable[..., Axes]] = {
    "history": draw.plot_optimization_history,
    "parallel": draw.plot_parallel_coordinate,
    "importances": draw.plot_param_importances,
}


def distributions(runs: Runs, table: pd.DataFrame) -> dict[str, BaseDistribution]:
    """Of each swept key, as wide as its values."""
    found: dict[str, BaseDistribution] = {}
    for key in runs.swept:
        values = table[key].dropna()
        if is_numeric(table, key):
            low, high = float(values.min()), float(values.max())
            found[key] = FloatDistribution(low, high, log=low > 0 and high / low >= 10)
        else:
            found[key] = CategoricalDistribution([text(value) for value in values.unique()])
    return found


def params(row: "pd.Series[Any]", within: dict[str, BaseDistribution]) -> dict[str, Any]:
    """A configuration's values. What it does not have (momentum without sgd) is no parameter of its trial."""
    return {
        key: float(row[key]) if isinstance(distribution, FloatDistribution) else text(row[key])
        for key, distribution in within.items()
        if not pd.isna(row[key])
    }


def study(runs: Runs, table: pd.DataFrame) -> optuna.Study:
    """A study in memory with a trial per configuration, in the order of the runs; its value is the mean validation
    accuracy over seeds."""
    within = distributions(runs, table)
    made = optuna.create_study(direction="maximize")
    for _, row in table.iterrows():
        values = params(row, within)
        finished = row.finished > 0
        made.add_trial(
            optuna.trial.create_trial(
                state=TrialState.COMPLETE if finished else TrialState.FAIL,
                value=row.val_mean if finished else None,
                params=values,
                distributions={key: within[key] for key in values},
            )
        )
    return made


def figures(runs: Runs, table: pd.DataFrame) -> dict[str, Figure]:
    """history, parallel and importances; nothing where too few configurations have finished."""
    if not runs.swept or (table.finished > 0).sum() < FEWEST:
        return {}
    from matplotlib import pyplot

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    drawn = {}
    try:
        whole = study(runs, table)
        with mpl.rc_context(), warnings.catch_warnings():
            mpl.rcdefaults()  # Optuna has a style of its own
            warnings.simplefilter("ignore")  # experimental; a parameter with one value; few trials for an importance
            for name, picture in PICTURES.items():
                axes = picture(whole, target_name="validation accuracy")
                axes.set_title("")
                axes.set_title("", loc="left")
                figure = axes.figure
                assert isinstance(figure, Figure)
                figure.set_size_inches(max(6.4, 1.4 * len(runs.swept)), 4.8)
                drawn[name] = figure
                pyplot.close(figure)
    finally:
        optuna.logging.set_verbosity(verbosity)
    return drawn
