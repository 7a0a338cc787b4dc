"""The jobs of a grid, from the command alone."""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from hpsearch.record.reader import Job, job_of


def jobs(params: dict[str, Any], overrides: Sequence[str]) -> set[Job] | None:
    """The jobs that Hydra's own sweeper makes. None for a grid that needs more than the command, such as ``glob(*)``.

    params: of the sweeper; an override of the same key takes its place.
    """
    values: dict[str, Iterable[str]] = {}
    try:
        for override in OverridesParser.create().parse_overrides(
            [*(f"{k}={v}" for k, v in params.items()), *overrides]
        ):
            key = override.get_key_element()
            if not override.is_sweep_override():
                values[key] = [override.get_value_element_as_str()]
            elif override.is_discrete_sweep():
                values[key] = list(override.sweep_string_iterator())
            else:
                return None
    except (HydraException, AssertionError, TypeError, ValueError):
        return None
    lines = product(*([f"{key}={value}" for value in its] for key, its in values.items()))
    return {job_of(line) for line in lines}
