"""A trial's value of a parameter, as it is written on the command line of a grid."""

from decimal import Decimal
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import BaseTrial

from hpsearch.search.space import Distribution


def suggest(trial: BaseTrial, name: str, distribution: Distribution) -> Any:
    """A trial's value of a parameter."""
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    ask: Any = trial.suggest_int if isinstance(distribution, IntDistribution) else trial.suggest_float
    value = ask(name, distribution.low, distribution.high, step=distribution.step, log=distribution.log)
    return as_in_a_grid(distribution, value)


def as_in_a_grid(distribution: BaseDistribution, value: Any) -> Any:
    """The value of a range as Hydra counts it, in decimal numbers: 0.07, where Optuna has 0.06999999999999999."""
    if not isinstance(distribution, FloatDistribution) or distribution.step is None:
        return value
    low, step = Decimal(str(distribution.low)), Decimal(str(distribution.step))
    return float(low + round((value - distribution.low) / distribution.step) * step)
