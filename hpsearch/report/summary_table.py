"""Runs become one table, a row per configuration, over its seeds."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from hpsearch.formatting import MISSING
from hpsearch.record.frame import Runs
from hpsearch.report import stats

WIDEST_NAME = 60  # characters that a figure has room for
COLUMNS = [  # of table.csv, behind the swept keys
    "n", "finished", "val_mean", "val_std", "test_mean", "test_std", "test_low", "test_high", "test_se", "batch_std",
]  # fmt: skip


def summarise(runs: Runs) -> pd.DataFrame:
    """Index: configuration. Columns: the swept keys, `COLUMNS`, data_set, diverged, failed, seconds (mean of a run).

    n counts the runs, whatever became of them; means and spreads are over the finished ones.
    """
    groups = runs.frame.groupby("configuration")
    table = groups[runs.swept].first() if runs.swept else pd.DataFrame(index=list(groups.groups))
    table["data_set"] = groups.data_set.first()
    status = runs.frame.status
    table["n"] = groups.size()
    for kind in ("finished", "diverged", "failed"):
        table[kind] = (status == kind).groupby(runs.frame.configuration).sum()
    done = runs.frame[status == "finished"].groupby("configuration")
    for short, metric in (("val", "val_accuracy"), ("test", "test_accuracy")):
        table[f"{short}_mean"] = done[metric].mean()
        table[f"{short}_std"] = done[metric].std(ddof=1)
    half = stats.half_width(table.test_std, table.finished)
    table["test_low"], table["test_high"] = table.test_mean - half, table.test_mean + half
    table["test_se"] = stats.test_se(table.test_mean, done.test_images.first().reindex(table.index))
    table["batch_std"] = done.batch_std.mean()
    table["seconds"] = groups.seconds.mean()
    return table


def ordered_values(table: pd.DataFrame, key: str) -> list[Any]:
    """The values of a swept key: in the order of their runs, but numbers that come in no order are sorted. None,
    for configurations that do not have the key, comes last."""
    values = list(dict.fromkeys(value for value in table[key] if not _none(value)))
    if is_numeric(table, key) and values not in (sorted(values), sorted(values, reverse=True)):
        values.sort()
    return [*values, None] if table[key].isna().any() else values


def position(values: list[Any], value: Any) -> int:
    """Where a configuration's value stands among the `ordered_values` of its key."""
    return values.index(None if _none(value) else value)


def is_numeric(table: pd.DataFrame, key: str) -> bool:
    """Whether every value of a swept key is a number."""
    values = [value for value in table[key] if not _none(value)]
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def label(row: "pd.Series[Any]", swept: list[str]) -> str:
    """A configuration as its part of the command line: optimizer=adam lr=0.001."""
    return " ".join(f"{key}={text(row[key])}" for key in swept if not _none(row[key])) or "The configuration"


def short_label(row: "pd.Series[Any]", swept: list[str]) -> str:
    """A configuration's label; where that is too long for a figure the start of its values, adam · 0.00123 · …"""
    whole = label(row, swept)
    if len(whole) <= WIDEST_NAME:
        return whole
    values = [f"{row[key]:.3g}" if isinstance(row[key], float) else text(row[key]) for key in swept]
    short = " · ".join(value for key, value in zip(swept, values, strict=True) if not _none(row[key]))
    return short if len(short) <= WIDEST_NAME else f"{short[: WIDEST_NAME - 1]}…"


def text(value: Hashable) -> str:
    """A value of a swept key as the user typed it."""
    if _none(value):
        return MISSING
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{value:.6g}"
    return str(value)


def _none(value: object) -> bool:
    return value is None or value is pd.NA or value != value
