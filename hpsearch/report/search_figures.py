"""The figures of a search: Optuna's plots of a study that is rebuilt from the records."""

import warnings
from collections.abc import Callable

import matplotlib as mpl
import optuna
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from optuna.visualization import matplotlib as draw

from hpsearch.record.frame import Runs
from hpsearch.report.figure_style import logarithmic
from hpsearch.report.summary_table import is_numeric, text

FEWEST = 4  # finished configurations for an estimate of importances
PICTURES: dict[str, Callable[..., Axes]] = {
    "history": draw.plot_optimization_history,
    "parallel": draw.plot_parallel_coordinate,
    "importances": draw.plot_param_importances,
}


def _distributions(runs: Runs, table: pd.DataFrame) -> dict[str, BaseDistribution]:
    """The distribution of each swept key, from its least to its largest value."""
    found: dict[str, BaseDistribution] = {}
    for key in runs.swept:
        values = table[key].dropna()
        if is_numeric(table, key):
            low, high = float(values.min()), float(values.max())
            found[key] = FloatDistribution(low, high, log=low > 0 and high / low >= 10)
        else:
            found[key] = CategoricalDistribution([text(value) for value in values.unique()])
    return found


def trials(runs: Runs, table: pd.DataFrame) -> list[FrozenTrial]:
    """A trial per configuration, in the order of the runs. Its value is its mean on validation."""
    within = _distributions(runs, table)
    made = []
    for _, row in table.iterrows():
        present = {key: d for key, d in within.items() if not pd.isna(row[key])}  # no momentum without sgd
        valued = not pd.isna(row.val_mean)
        trial = create_trial(
            state=TrialState.COMPLETE if valued else TrialState.FAIL,
            value=float(row.val_mean) if valued else None,
            params={k: float(row[k]) if isinstance(d, FloatDistribution) else text(row[k]) for k, d in present.items()},
            distributions=present,
        )
        made.append(trial)
    return made


def study(runs: Runs, table: pd.DataFrame) -> optuna.Study:
    """A study in memory with these trials."""
    made = optuna.create_study(direction=runs.measure.direction)
    made.add_trials(trials(runs, table))
    return made


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
