"""A search space: Optuna's distributions under conditions, and the overrides of one point in it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import create_trial

from hpsearch.errors import UsageError

Distribution = CategoricalDistribution | IntDistribution | FloatDistribution
Choose = Callable[[str, Distribution], Any]


@dataclass(frozen=True)
class Branch:
    """Parameters by key. distributions: of the searched ones; fixed: the values of the others, as text."""

    distributions: dict[str, Distribution]
    fixed: dict[str, str]


@dataclass(frozen=True)
class Space:
    """always: the parameters of every point. when: (key, values, branch): the parameters that exist only where the key
    has one of the values. lines: overrides without a value, such as ``~key``."""

    always: Branch
    when: list[tuple[str, list[str], Branch]]
    lines: list[str]

    @property
    def branches(self) -> list[Branch]:
        """All branches, the unconditional one first."""
        return [self.always, *(branch for _, _, branch in self.when)]

    def overrides(self, choose: Choose) -> list[str]:
        """The overrides of one point. `choose` is called for each searched parameter of the point."""
        values = dict(self.always.fixed)
        searched = dict(self.always.distributions)
        deciding = {key for key, _, _ in self.when}
        while True:  # first the keys that other parameters depend on
            for key, needed, branch in self.when:
                if values.get(key) in needed:
                    searched |= {name: d for name, d in branch.distributions.items() if name not in values}
                    values = branch.fixed | values
            key = next((name for name in searched if name in deciding and name not in values), "")
            if not key:
                break
            values[key] = text(choose(key, searched[key]))
        for name, distribution in searched.items():
            if name not in values:
                values[name] = text(choose(name, distribution))
        return [*(f"{name}={value}" for name, value in values.items()), *self.lines]

    def corners(self) -> Iterator[list[str]]:
        """The overrides of a few points that together have every choice and both ends of every interval."""
        waiting: list[dict[str, Any]] = [{}]
        seen: set[str] = set()
        while waiting:
            picked = waiting.pop()
            overrides, distributions = self._corner(picked)
            yield overrides
            for name, distribution in distributions.items():
                if f"{name} {distribution}" not in seen:
                    seen.add(f"{name} {distribution}")
                    waiting += [picked | {name: end} for end in _ends(distribution)[1:]]

    def _corner(self, picked: Mapping[str, Any]) -> tuple[list[str], dict[str, Distribution]]:
        """The overrides of the point with the values `picked`, else the first choice or end; its distributions."""
        found: dict[str, Distribution] = {}

        def choose(name: str, distribution: Distribution) -> Any:
            found[name] = distribution
            return picked.get(name, _ends(distribution)[0])

        return self.overrides(choose), found

    def point(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A point of the user's, as values of the distributions. Raises UsageError for a point outside the space."""
        if not isinstance(given, Mapping):
            raise UsageError([f"hydra.sweeper.enqueue: {given}: must be a point, as {{lr: 0.1}}"])
        found = {}
        for key, value in given.items():
            distributions = [branch.distributions[key] for branch in self.branches if key in branch.distributions]
            for d in distributions:
                choices = d.choices if isinstance(d, CategoricalDistribution) else ()
                inner = next((choice for choice in choices if text(choice) == text(value)), value)
                if (choices or isinstance(value, (int, float))) and _contains(d, inner):
                    found[key] = inner
            if key not in found:
                must = " or ".join(map(describe, distributions)) or "no value, it is not searched"
                raise UsageError([f"hydra.sweeper.enqueue: {key}={text(value)}: must be {must}"])
        return found

    @property
    def described(self) -> list[str]:
        """A line for each parameter, with its condition."""
        branches = [("", self.always), *((f"{key}={','.join(v)}: ", branch) for key, v, branch in self.when)]
        return [
            f"{condition}{line}"
            for condition, branch in branches
            for line in (
                *(f"{name}  {describe(d)}" for name, d in branch.distributions.items()),
                *(f"{name}={value}" for name, value in branch.fixed.items() if condition),
            )
        ]


def _contains(distribution: Distribution, value: Any) -> bool:
    try:
        create_trial(value=0.0, params={"": value}, distributions={"": distribution})
    except ValueError:
        return False
    return True


def describe(distribution: Distribution) -> str:
    """A distribution in words: "sgd, adam" or "0.001 to 0.1 (log)"."""
    if isinstance(distribution, CategoricalDistribution):
        return ", ".join(map(str, distribution.choices))
    step = f" in steps of {distribution.step}" if distribution.step not in (None, 1) else ""
    return f"{distribution.low:g} to {distribution.high:g}{' (log)' if distribution.log else step}"


def _ends(distribution: Distribution) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    return [distribution.low, distribution.high]


def text(value: Any) -> str:
    """A value as on the command line."""
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
