"""The search space: Hydra's sweep syntax becomes Optuna's distributions, and a trial the overrides of its jobs."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import BaseTrial, TrialState, create_trial

from hpsearch.errors import UsageError

Choose = Callable[[str, BaseDistribution], Any]


@dataclass(frozen=True)
class Branch:
    """distributions: of what is searched; fixed: the values of what is not, as text; both by key."""

    distributions: dict[str, BaseDistribution]
    fixed: dict[str, str]


@dataclass(frozen=True)
class Space:
    """The part that is always there, and parts that exist only where a key has one of some values.

    lines: overrides that are no values, such as ``~key``.
    """

    always: Branch
    when: list[tuple[str, list[str], Branch]]
    lines: list[str]

    def overrides(self, choose: Choose) -> list[str]:
        """The overrides of one point; `choose` is asked for each parameter that the point has."""
        values = dict(self.always.fixed)
        open_ = dict(self.always.distributions)
        deciding = {key for key, _, _ in self.when}
        while True:  # what decides over others comes first
            for key, needed, part in self.when:
                if values.get(key) in needed:
                    open_ |= {name: d for name, d in part.distributions.items() if name not in values}
                    values = part.fixed | values
            key = next((name for name in open_ if name in deciding and name not in values), "")
            if not key:
                break
            values[key] = text(choose(key, open_[key]))
        for name, distribution in open_.items():
            if name not in values:
                values[name] = text(choose(name, distribution))
        return [*(f"{name}={value}" for name, value in values.items()), *self.lines]

    def corners(self) -> Iterator[list[str]]:
        """The overrides of few points that have, together, every choice and the ends of every interval."""
        waiting: list[dict[str, Any]] = [{}]
        seen: set[str] = set()
        while waiting:
            picked = waiting.pop()
            here: dict[str, BaseDistribution] = {}

            def choose(
                name: str, d: BaseDistribution, picked: dict[str, Any] = picked, here: dict[str, Any] = here
            ) -> Any:
                here[name] = d
                return picked.get(name, _ends(d)[0])

            yield self.overrides(choose)
            for name, distribution in here.items():
                if f"{name} {distribution}" not in seen:
                    seen.add(f"{name} {distribution}")
                    waiting += [picked | {name: end} for end in _ends(distribution)[1:]]

    def point(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A point that the user gives, as values of the distributions. Raises UsageError for one outside."""
        if not isinstance(given, Mapping):
            raise UsageError([f"hydra.sweeper.enqueue: {given}: must be a point, as {{lr: 0.1}}"])
        found = {}
        for key, value in given.items():
            parts = [self.always, *(part for _, _, part in self.when)]
            distributions = [part.distributions[key] for part in parts if key in part.distributions]
            for d in distributions:
                choices = d.choices if isinstance(d, CategoricalDistribution) else ()
                inner = next((choice for choice in choices if text(choice) == text(value)), value)
                number = isinstance(value, (int, float)) and math.isfinite(value)
                if (choices or number) and _contains(d, inner):
                    found[key] = inner
            if key not in found:
                must = " or ".join(map(describe, distributions)) or "no value, it is not searched"
                raise UsageError([f"hydra.sweeper.enqueue: {key}={text(value)}: must be {must}"])
        return found

    @property
    def described(self) -> list[str]:
        """A line for each parameter."""
        parts = [("", self.always), *((f"{key}={','.join(v)}: ", part) for key, v, part in self.when)]
        return [
            f"{condition}{line}"
            for condition, part in parts
            for line in (
                *(f"{name}  {describe(d)}" for name, d in part.distributions.items()),
                *(f"{name}={value}" for name, value in part.fixed.items() if condition),
            )
        ]


def suggest(trial: BaseTrial, name: str, distribution: BaseDistribution) -> Any:
    """A trial's value of a parameter."""
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(
            name, distribution.low, distribution.high, step=distribution.step, log=distribution.log
        )
    assert isinstance(distribution, FloatDistribution)
    return trial.suggest_float(name, distribution.low, distribution.high, step=distribution.step, log=distribution.log)


def describe(distribution: BaseDistribution) -> str:
    """sgd, adam or 0.001 to 0.1 (log)."""
    if isinstance(distribution, CategoricalDistribution):
        return ", ".join(map(str, distribution.choices))
    assert isinstance(distribution, (IntDistribution, FloatDistribution))
    step = f" in steps of {distribution.step}" if distribution.step not in (None, 1) else ""
    return f"{distribution.low:g} to {distribution.high:g}{' (log)' if distribution.log else step}"


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    try:
        create_trial(state=TrialState.WAITING, params={"": value}, distributions={"": distribution})
    except ValueError:
        return False
    return True


def _ends(distribution: BaseDistribution) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, (IntDistribution, FloatDistribution))
    return [distribution.low, distribution.high]


def text(value: Any) -> str:
    """As the command line has it."""
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
