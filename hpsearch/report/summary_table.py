"""Summarise runs in one table with a row per configuration, over its seeds."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from hpsearch.formatting import MISSING
from hpsearch.record.frame import Runs
from hpsearch.record.measure import Measure
from hpsearch.report import stats

COLUMNS = ["n", "finished", "val_mean", "val_std", "test_mean", "test_std", "test_low", "test_high"]
OF_ACCURACY = ["test_se", "batch_std"]  # spreads that only accuracy has


def columns(runs: Runs) -> list[str]:
    """The columns of table.csv after the swept keys."""
    further = [f"{part}_{name}" for name in runs.further for part in ("val", "test")]
    return [
        *COLUMNS,
        *(OF_ACCURACY if runs.measure.is_accuracy else []),
        *(f"{metric}_{number}" for metric in further for number in ("mean", "std")),
    ]


def summarise(runs: Runs) -> pd.DataFrame:
    """Index: configuration. Columns: the swept keys, `columns`, data_set, pruned, diverged, failed, seconds (mean of a
    run), test_half (half the width of the interval, before a fraction's is cut at 0 and 1), score: the mean on
    validation, with the sign that makes higher better, last: the mean on validation where its runs were pruned, of a
    configuration of which none has finished, and last_score, with the sign, too.

    n counts all runs; means and spreads are over the finished runs.
    """
    groups = runs.frame.groupby("configuration")
    table = groups[runs.swept].first() if runs.swept else pd.DataFrame(index=list(groups.groups))
    table["data_set"] = groups.data_set.first()
    table["n"] = groups.size()
    for status in ("finished", "pruned", "diverged", "failed"):
        table[status] = (runs.frame.status == status).groupby(runs.frame.configuration).sum()
    done, measure = runs.finished, runs.measure
    further = {f"{part}_{name}": f"{part}_{name}" for name in runs.further for part in ("val", "test")}
    for short, metric in {"val": measure.val, "test": measure.test, **further}.items():
        table[f"{short}_mean"] = done[metric].mean()
        table[f"{short}_std"] = done[metric].std(ddof=1)
    table["score"] = measure.sign * table.val_mean
    pruned = runs.frame[(runs.frame.status == "pruned") & ~runs.frame.configuration.isin(done.groups)]
    table["last"] = pruned.groupby("configuration")[measure.val].mean().reindex(table.index)
    table["last_score"] = measure.sign * table["last"]
    half = stats.half_width(table.test_std, table.finished)
    table["test_half"] = half
    table["test_low"], table["test_high"] = table.test_mean - half, table.test_mean + half
    if measure.in_percent:  # no mean lies beyond, so cutting the interval leaves its coverage
        table["test_low"], table["test_high"] = table.test_low.clip(lower=0), table.test_high.clip(upper=1)
    if measure.is_accuracy:
        samples = done.test_samples.first().reindex(table.index)
        table["test_se"] = stats.test_se(table.test_mean, samples.replace(0, np.nan))
        table["batch_std"] = done.batch_std.mean()
    table["seconds"] = groups.seconds.mean()
    return table


def best_first(table: pd.DataFrame) -> pd.DataFrame:
    """The configurations, the best on validation first, then the pruned ones by their last values; ties keep their
    order."""
    return table.sort_values(["score", "last_score"], ascending=False, kind="stable")


def is_pruned(row: "pd.Series[Any]") -> bool:
    """True for a configuration of which no run has finished, because they were pruned."""
    return bool(row["last"] == row["last"])


def validation(row: "pd.Series[Any]") -> float:
    """The mean on validation, or the last value of a pruned configuration."""
    return float(row["last"] if is_pruned(row) else row.val_mean)


def validation_text(row: "pd.Series[Any]", measure: Measure) -> str:
    """The cell of a table: 90.12 ± 0.21, or 41.00 (pruned)."""
    return measure.value(validation(row), row.val_std) + " (pruned)" * is_pruned(row)


def places(table: pd.DataFrame) -> dict[Any, int]:
    """The place of each configuration when the best is first, from 0."""
    return {c: place for place, c in enumerate(best_first(table).index)}


def ordered_values(table: pd.DataFrame, key: str) -> list[Any]:
    """The values of a swept key in the order of their runs; numbers in no order are sorted. None comes last: it stands
    for configurations without the key."""
    values = list(dict.fromkeys(table[key].dropna()))
    if is_numeric(table, key) and values not in (sorted(values), sorted(values, reverse=True)):
        values.sort()
    return [*values, None] if table[key].isna().any() else values


def position(values: list[Any], value: Any) -> int:
    """The index of a configuration's value among the `ordered_values` of its key."""
    return values.index(None if pd.isna(value) else value)


def is_numeric(table: pd.DataFrame, key: str) -> bool:
    """True if every value of a swept key is a number."""
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in table[key].dropna())


def label(row: "pd.Series[Any]", swept: list[str]) -> str:
    """A configuration as on the command line: optimizer=adam lr=0.001."""
    return " ".join(f"{key}={text(row[key])}" for key in swept if not pd.isna(row[key])) or "The configuration"


def text(value: Hashable) -> str:
    """A value of a swept key as on the command line."""
    if pd.isna(value):
        return MISSING
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{value:.6g}"
    return str(value)
