"""The search space: Hydra's sweep syntax becomes Optuna's distributions, and a trial the overrides of its jobs."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hydra.errors import HydraException
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import BaseTrial

from hpsearch.usage import UsageError

Choose = Callable[[str, BaseDistribution], Any]


@dataclass(frozen=True)
class Part:
    """distributions: of what is searched; fixed: the values of what is not, as text; both by key."""

    distributions: dict[str, BaseDistribution]
    fixed: dict[str, str]


@dataclass(frozen=True)
class Space:
    """The part that is always there, and parts that exist only where a key has one of some values.

    lines: overrides that are no values, such as ``~key``.
    """

    always: Part
    when: list[tuple[str, list[str], Part]]
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
                if isinstance(d, CategoricalDistribution):
                    inside = inner in choices
                else:
                    number = isinstance(value, (int, float)) and math.isfinite(value)
                    inside = number and d._contains(d.to_internal_repr(value))
                if inside:
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


def parse(
    params: Mapping[str, Any], when: Mapping[str, Mapping[str, Any]], arguments: list[str], more: bool = False
) -> Space:
    """The space of ``hydra.sweeper.params`` and ``.when`` under the command line's `arguments`, which win.

    more: whether other parameters come from a function. Raises UsageError with a line for each fault.
    """
    faults: list[str] = []
    typed, lines = _part(arguments, faults)
    always, _ = _part([f"{key}={value}" for key, value in params.items() if str(key) not in _keys(typed)], faults)
    always = Part(always.distributions | typed.distributions, always.fixed | typed.fixed)
    parts, declared = [], {str(key) for key in params}
    for condition, inner in when.items():
        key, equals, values = str(condition).partition("=")
        if not equals or not isinstance(inner, Mapping):
            faults.append(
                f"hydra.sweeper.when.{condition}: must be key=value with parameters below it, as "
                "optimizer=sgd: {optimizer.momentum: interval(0, 0.99)}"
            )
            continue
        part, _ = _part([f"{name}={value}" for name, value in inner.items() if str(name) not in _keys(typed)], faults)
        parts.append((key, [value.strip() for value in values.split(",")], part))
        declared |= {str(name) for name in inner}
    space = Space(always, parts, lines)
    if faults := faults or _impossible(space, _keys(typed), more or bool(_keys(typed) & declared)):
        raise UsageError(faults)
    return space


def _impossible(space: Space, typed: set[str], may_be_fixed: bool) -> list[str]:
    """What can never be searched. typed: keys on the command line, which may have left values out."""
    everywhere = [space.always, *(part for _, _, part in space.when)]
    faults = []
    if any("seed" in part.distributions for part in everywhere):
        faults.append(
            "seed: cannot be searched, the best seed is luck; hydra.sweeper.seeds=[0,1,2] runs each configuration on "
            "these seeds and searches by their mean"
        )
    elif not may_be_fixed and not any(part.distributions for part in everywhere):
        faults.append(
            "hydra.sweeper.params: no parameter to search; give at least one, as lr='tag(log, interval(0.001, 0.1))' "
            "or optimizer=sgd,adam"
        )
    for key, values, _ in space.when:
        if key in typed:
            continue
        distribution = next((part.distributions[key] for part in everywhere if key in part.distributions), None)
        if isinstance(distribution, CategoricalDistribution):
            unknown = sorted(set(values) - {text(choice) for choice in distribution.choices})
            must = f"one of {', '.join(map(text, distribution.choices))}"
        else:
            unknown = [] if any(key in part.fixed for part in everywhere) else values
            must = "a parameter with choices, or a value that is given"
        if unknown:
            faults.append(f"hydra.sweeper.when: {key}={unknown[0]}: must be {must}")
    return faults


def _part(lines: list[str], faults: list[str]) -> tuple[Part, list[str]]:
    from hydra_plugins.hydra_optuna_sweeper._impl import create_params_from_overrides

    distributions: dict[str, BaseDistribution] = {}
    fixed: dict[str, str] = {}
    rest: list[str] = []
    for line in lines:
        try:
            found, values, others = create_params_from_overrides([line])
        except (HydraException, ValueError, AssertionError, NotImplementedError) as error:
            faults.append(f"{line}: {_said(error)}")
            continue
        for name, distribution in found.items():
            fault = _fault(distribution)
            if fault:
                faults.append(f"{line}: {fault}")
            fixed.pop(name, None)  # of two values of a key the last one counts
            distributions[name] = distribution
        for name, value in values.items():
            distributions.pop(name, None)
            fixed[name] = text(value)
        rest += others
    return Part(distributions, fixed), rest


def _said(error: Exception) -> str:
    """Why a line is no distribution."""
    words = " ".join(str(error).split())
    if "low <= high" in words:
        return "must have its lower end first"
    return "must be above 0 for a log scale" if "`low > 0`" in words else words


def _fault(distribution: BaseDistribution) -> str | None:
    if isinstance(distribution, CategoricalDistribution):
        return None
    assert isinstance(distribution, (IntDistribution, FloatDistribution))
    if not (math.isfinite(distribution.low) and math.isfinite(distribution.high)):
        return "must have finite ends"
    if distribution.single():
        return f"must be more than the one value {distribution.low:g}; to fix it, give that value"
    return None


def _keys(part: Part) -> set[str]:
    return {*part.distributions, *part.fixed}


def _ends(distribution: BaseDistribution) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, (IntDistribution, FloatDistribution))
    return [distribution.low, distribution.high]


def text(value: Any) -> str:
    """As the command line has it."""
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
