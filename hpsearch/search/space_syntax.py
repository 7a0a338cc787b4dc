"""Hydra's sweep syntax becomes a search space."""

import math
from collections.abc import Mapping
from typing import Any

from hydra.errors import HydraException
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from hpsearch.errors import UsageError
from hpsearch.report.summary_table import text
from hpsearch.search.space import Branch, Space


def parse(
    params: Mapping[str, Any], when: Mapping[str, Mapping[str, Any]], arguments: list[str], more: bool = False
) -> Space:
    """The space of ``hydra.sweeper.params`` and ``.when`` under the command line's `arguments`, which win.

    more: whether other parameters come from a function. Raises UsageError with a line for each fault.
    """
    faults: list[str] = []
    typed, lines = _part(arguments, faults)
    always, _ = _part([f"{key}={value}" for key, value in params.items() if str(key) not in _keys(typed)], faults)
    always = Branch(always.distributions | typed.distributions, always.fixed | typed.fixed)
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


def _part(lines: list[str], faults: list[str]) -> tuple[Branch, list[str]]:
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
    return Branch(distributions, fixed), rest


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


def _keys(part: Branch) -> set[str]:
    return {*part.distributions, *part.fixed}
