"""The figures of a search: Optuna's own, from a study that is made of the records."""

import warnings
from collections.abc import Callable

import matplotlib as mpl
import optuna
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState
from optuna.visualization import matplotlib as draw

from hpsearch.report.configurations import is_numeric, text
from hpsearch.report.runs import Runs

FEWEST = 4  # finished configurations of which importances can be told
PICTURES: dict[str, Callable[..., Axes]] = {
    "history": draw.plot_optimization_history,
    "parallel": draw.plot_parallel_coordinate,
    "importances": draw.plot_param_importances,
}


def study(runs: Runs, table: pd.DataFrame) -> optuna.Study:
    """A study in memory with a trial per configuration, in the order of the runs; its value is the mean validation
    accuracy over seeds. What a configuration does not have (momentum without sgd) is no parameter of its trial."""
    distributions: dict[str, BaseDistribution] = {}
    for key in runs.swept:
        values = table[key].dropna()
        if is_numeric(table, key):
            low, high = float(values.min()), float(values.max())
            distributions[key] = FloatDistribution(low, high, log=low > 0 and high / low >= 10)
        else:
            distributions[key] = CategoricalDistribution([text(value) for value in values.unique()])
    made = optuna.create_study(direction="maximize")
    for _, row in table.iterrows():
        params = {
            key: float(row[key]) if isinstance(distribution, FloatDistribution) else text(row[key])
            for key, distribution in distributions.items()
            if not pd.isna(row[key])
        }
        finished = row.finished > 0
        made.add_trial(
            optuna.trial.create_trial(
                state=TrialState.COMPLETE if finished else TrialState.FAIL,
                value=row.val_mean if finished else None,
                params=params,
                distributions={key: distributions[key] for key in params},
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
            warnings.simplefilter("ignore", ExperimentalWarning)
            for name, picture in PICTURES.items():
                axes = picture(whole, target_name="validation accuracy")
                axes.set_title("")
                axes.set_title("", loc="left")
                figure = axes.figure
                assert isinstance(figure, Figure)
                drawn[name] = figure
                pyplot.close(figure)
    finally:
        optuna.logging.set_verbosity(verbosity)
    return drawn
