"""Several data sets: which configuration is best over all of them, by its ranks (Demšar 2006).

Metrics on different data sets cannot be averaged, ranks can. Each data set counts once, so few of them show little.
"""

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
import pandas as pd

from hpsearch.record.frame import Runs
from hpsearch.report.short_names import short_name
from hpsearch.report.stats import LEVEL, Floats

OF_DATA = ("data", "data.")  # the keys that name a data set


@dataclass(frozen=True)
class Ranks:
    """ranks: a row per data set, a column per configuration on all of them, 1 for the best on test.
    means: of each configuration, the best first. p: of Friedman's test that all are alike. critical: the difference of
    two mean ranks that Nemenyi's test calls significant. holds: the configuration that is best on every data set.
    configurations: by name, the rows of the table, one a data set."""

    ranks: pd.DataFrame
    means: "pd.Series[float]"
    p: float
    critical: float
    holds: str | None
    configurations: dict[str, list[int]]


def rank(runs: Runs, table: pd.DataFrame) -> Ranks | None:
    """The ranks of the configurations that finished on every data set; None with one data set or configuration."""
    keys = [key for key in runs.swept if key != OF_DATA[0] and not key.startswith(OF_DATA[1])]
    done = table[table.test_mean.notna()]
    names = [short_name(row, keys) for _, row in done.iterrows()]
    frame = pd.DataFrame({"data": done.data_set, "name": names, "test": runs.measure.sign * done.test_mean})
    wide = frame.pivot_table(index="data", columns="name", values="test", sort=False).dropna(axis=1)
    if len(wide) < 2 or wide.shape[1] < 2:
        return None
    ranks = wide.round(12).rank(axis=1, ascending=False)
    first = (ranks == 1).all()
    holds = str(first.idxmax()) if first.any() else None
    n, k = ranks.shape
    means, alike = ranks.mean().sort_values(kind="stable"), frame.groupby("name").groups
    rows = {str(name): list(alike[name]) for name in means.index}
    return Ranks(ranks, means, friedman(ranks.to_numpy(float)), critical(n, k), holds, rows)


def friedman(ranks: Floats) -> float:
    """The p of Friedman's test, in the form of Iman and Davenport (1980), which is less conservative."""
    from scipy.special import fdtrc

    n, k = ranks.shape
    if n < 2 or k < 2:
        return nan
    between = n * float(((ranks.mean(0) - (k + 1) / 2) ** 2).sum())
    rest = float(((ranks - (k + 1) / 2) ** 2).sum()) - between
    if rest < 1e-12:
        return 0.0 if between > 0 else 1.0
    return float(fdtrc(k - 1, (k - 1) * (n - 1), between * (n - 1) / rest))


def critical(n: int, k: int) -> float:
    """Nemenyi's critical difference of mean ranks of k configurations on n data sets: q sqrt(k (k + 1) / (6 n)), with q
    the quantile of the studentized range divided by sqrt(2)."""
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(1 - LEVEL, k, np.inf)) / sqrt(2) * sqrt(k * (k + 1) / (6 * n))


def sentence(found: Ranks) -> str:
    """Two sentences on all data sets together."""
    n, k = found.ranks.shape
    best, next_ = found.means.index[:2]
    lead = found.means.iloc[1] - found.means.iloc[0]
    shown = "more" if lead >= found.critical else "less"
    first = (
        f"{found.holds} is best on each of {n} data sets."
        if found.holds
        else f"On {n} data sets {best} has the best mean rank, {found.means.iloc[0]:.2f} of {k}."
    )
    return (
        f"{first} Its mean rank is {lead:.2f} ahead of {next_}: {shown} than the critical difference of "
        f"{found.critical:.2f} (Nemenyi)."
    )
