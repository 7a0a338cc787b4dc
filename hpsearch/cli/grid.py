"""The jobs of a grid, from the command alone."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import ceil, isfinite, prod
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.errors import HydraException

from hpsearch.cli.error_lines import line_of
from hpsearch.errors import UsageError
from hpsearch.record.reader import Job, job_of

MOST_JOBS = 100_000


def jobs(params: Mapping[str, Any], overrides: Sequence[str]) -> set[Job] | None:
    """The jobs that Hydra's own sweeper makes. None for a grid that needs more than the command, such as ``glob(*)``.

    params: of the sweeper; an override of the same key takes its place.
    """
    try:
        return {job_of(lines) for lines in job_lines(params, overrides)}
    except (UsageError, AssertionError):  # of a glob without the options of its group
        return None


def job_lines(
    params: Mapping[str, Any], overrides: Sequence[str], loader: ConfigLoader | None = None
) -> Iterable[tuple[str, ...]]:
    """The overrides of each job that Hydra's own sweeper makes. Raises UsageError for no jobs, or for too many.

    loader: knows the options of groups, of which a ``glob(*)`` takes some.
    """
    parser, found = OverridesParser.create(config_loader=loader), {}
    for line in [*(f"{key}={value}" for key, value in params.items()), *overrides]:
        try:
            (override,) = parser.parse_overrides([line])
            found[override.get_key_element()] = line, override, _count(line, override)
        except HydraException as error:
            raise UsageError([line_of(error)]) from error
    number = prod(many for _, _, many in found.values())
    if number > MOST_JOBS:
        line = max(found.values(), key=lambda each: each[2])[0]
        raise UsageError([f"{line}: makes {number:,} jobs; a sweep may have {MOST_JOBS:,}"])
    return product(*([f"{key}={value}" for value in _texts(override)] for key, (_, override, _) in found.items()))


def _texts(override: Override) -> Iterable[str]:
    swept = override.is_sweep_override()
    return override.sweep_string_iterator() if swept else [override.get_value_element_as_str()]


def _count(line: str, override: Override) -> int:
    """The number of values of an override. Raises UsageError for none."""
    if not override.is_sweep_override():
        return 1
    if not override.is_discrete_sweep():
        raise UsageError([f"{line}: is searched, not listed; add hydra/sweeper=hpsearch, or list values as 1,2"])
    sweep = override.value()
    number = _length(line, sweep) if isinstance(sweep, RangeSweep) else sum(1 for _ in override.sweep_iterator())
    if not number:
        raise UsageError([f"{line}: has no values, so that there is nothing to run"])
    return number


def _length(line: str, sweep: RangeSweep) -> int:
    ends = [float(end) for end in (sweep.start or 0, sweep.stop or 0, sweep.step)]
    if not all(map(isfinite, ends)) or not ends[2]:
        raise UsageError([f"{line}: must have finite ends and a step other than 0"])
    start, stop, step = map(Fraction, (sweep.start or 0, sweep.stop or 0, sweep.step))
    return max(0, ceil((stop - start) / step))
