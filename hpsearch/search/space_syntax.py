"""Read a search space from Hydra's sweep syntax."""

import math
from collections.abc import Mapping
from typing import Any, cast

from hydra.errors import HydraException
from optuna.distributions import CategoricalDistribution

from hpsearch.errors import UsageError
from hpsearch.search.space import Branch, Distribution, Space, text


def parse(
    params: Mapping[str, Any], when: Mapping[str, Mapping[str, Any]], arguments: list[str], more: bool = False
) -> Space:
    """The space of ``hydra.sweeper.params`` and ``.when``, overridden by the `arguments` of the command line.

    more: True if a function adds parameters. Raises UsageError with a line for each fault.
    """
    faults: list[str] = []
    typed, lines = _branch(arguments, faults)

    def configured(values: Mapping[str, Any]) -> Branch:
        return _branch([f"{key}={value}" for key, value in values.items() if str(key) not in _keys(typed)], faults)[0]

    always = configured(params)
    always = Branch(always.distributions | typed.distributions, always.fixed | typed.fixed)
    branches, declared = [], {str(key) for key in params}
    for condition, inner in when.items():
        key, equals, values = str(condition).partition("=")
        if not equals or not isinstance(inner, Mapping):
            must = "key=value with parameters below it, as optimizer=sgd: {optimizer.momentum: interval(0, 0.99)}"
            faults.append(f"hydra.sweeper.when.{condition}: must be {must}")
            continue
        branches.append((key, [value.strip() for value in values.split(",")], configured(inner)))
        declared |= {str(name) for name in inner}
    space = Space(always, branches, lines)
    if faults := faults or _impossible(space, _keys(typed), more or bool(_keys(typed) & declared)):
        raise UsageError(faults)
    return space


def _impossible(space: Space, typed: set[str], may_be_fixed: bool) -> list[str]:
    """Faults of a whole space. typed: the keys on the command line, which may exclude values of a condition."""
    faults = []
    if any("seed" in branch.distributions for branch in space.branches):
        faults.append(
            "seed: cannot be searched, the best seed is luck; hydra.sweeper.seeds=[0,1,2] runs each configuration on "
            "these seeds and searches by their mean"
        )
    elif not may_be_fixed and not any(branch.distributions for branch in space.branches):
        faults.append(
            "hydra.sweeper.params: no parameter to search; give at least one, as lr='tag(log, interval(0.001, 0.1))' "
            "or optimizer=sgd,adam"
        )
    for key, values, _ in space.when:
        if key in typed:
            continue
        distribution = next((b.distributions[key] for b in space.branches if key in b.distributions), None)
        if isinstance(distribution, CategoricalDistribution):
            choices = [text(choice) for choice in distribution.choices]
            unknown, must = sorted(set(values) - set(choices)), f"one of {', '.join(choices)}"
        else:
            unknown = [] if any(key in branch.fixed for branch in space.branches) else values
            must = "a parameter with choices, or a value that is given"
        if unknown:
            faults.append(f"hydra.sweeper.when: {key}={unknown[0]}: must be {must}")
    return faults


def _branch(lines: list[str], faults: list[str]) -> tuple[Branch, list[str]]:
    """The parameters of `lines`, and the lines that are no parameter. Appends a line to `faults` for each fault."""
    from hydra_plugins.hydra_optuna_sweeper._impl import create_params_from_overrides

    distributions: dict[str, Distribution] = {}
    fixed: dict[str, str] = {}
    rest: list[str] = []
    for line in lines:
        try:
            found, values, others = create_params_from_overrides([line])
        except (HydraException, ValueError, AssertionError, NotImplementedError) as error:
            faults.append(f"{line}: {_reason(error)}")
            continue
        for name, distribution in cast(dict[str, Distribution], found).items():
            if fault := _fault(distribution):
                faults.append(f"{line}: {fault}")
            fixed.pop(name, None)  # the last value of a key counts
            distributions[name] = distribution
        for name, value in values.items():
            distributions.pop(name, None)
            fixed[name] = text(value)
        rest += others
    return Branch(distributions, fixed), rest


def _reason(error: Exception) -> str:
    words = " ".join(str(error).split())
    if "low <= high" in words:
        return "must have its lower end first"
    if "`low > 0`" in words:
        return "must be above 0 for a log scale"
    return words or "cannot be searched; list the choices, or give a range or an interval"


def _fault(distribution: Distribution) -> str | None:
    if isinstance(distribution, CategoricalDistribution):
        return None
    if not (math.isfinite(distribution.low) and math.isfinite(distribution.high)):
        return "must have finite ends"
    if distribution.single():
        return f"must be more than the one value {distribution.low:g}; to fix it, give that value"
    return None


def _keys(branch: Branch) -> set[str]:
    return {*branch.distributions, *branch.fixed}
