"""A search as an Optuna study, rebuilt from its records; a grid becomes one, too."""

import optuna
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch.record.frame import Runs
from hpsearch.report.summary_table import is_numeric, is_pruned, text, validation


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
    """A trial per configuration, in the order of the runs. Its value is its mean on validation; that of a pruned one is
    its last value."""
    within = _distributions(runs, table)
    made = []
    for _, row in table.iterrows():
        present = {key: d for key, d in within.items() if not pd.isna(row[key])}  # no momentum without sgd
        finished, pruned = row.val_mean == row.val_mean, is_pruned(row)
        trial = create_trial(
            state=TrialState.COMPLETE if finished else TrialState.PRUNED if pruned else TrialState.FAIL,
            value=validation(row) if finished or pruned else None,
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
