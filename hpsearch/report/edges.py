"""The ends of ranges at which a winner lies: the best may lie beyond them."""

from collections.abc import Mapping
from math import log

import pandas as pd

from hpsearch.report.bounds import Bounds
from hpsearch.report.summary_table import is_numeric

NEAR = 0.02  # of the range of a search: a value so near to its end counts as the end


def edges(
    table: pd.DataFrame, swept: list[str], winner: int, bounds: Mapping[str, Bounds | None]
) -> list[tuple[str, str]]:
    """(key, words) for each numeric key whose winning value ends its range: of the search's space where it is known,
    else of the values tried together with the winner's other choices, whatever became of their runs. Nothing is said
    of a space that depends on a choice.

    Zero does not count, because it is the natural end of a probability or a decay.
    """
    numeric = [key for key in swept if is_numeric(table, key)]
    best, alike = table.loc[winner], table
    for key in set(swept) - set(numeric):
        alike = alike[alike[key] == best[key]]
    found = []
    for key in numeric:
        value, values = best[key], alike[key].dropna()
        if pd.isna(value) or value == 0:
            continue
        if key in bounds:
            within = bounds[key]
            if within and (end := _end_of(float(value), within)):
                found.append((key, f"is at the {end} of its space"))
        elif values.min() < values.max() and value in (values.min(), values.max()):
            found.append((key, f"is the {'smallest' if value == values.min() else 'largest'} value tried"))
    return found


def _end_of(value: float, within: Bounds) -> str:
    """The words for the end of a range that a value lies at, or nothing."""
    low, high = within.low, within.high
    if within.log:
        value, low, high = log(value), log(low), log(high)
    share = (value - low) / (high - low)
    return "lower end" if share <= NEAR else "upper end" if share >= 1 - NEAR else ""
