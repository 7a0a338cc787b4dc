"""What a budget buys: the best on validation after k configurations, over all orders in which they could be tried.

The best of many looks better than the best of few, whatever they are. So two values of a key are compared at the same
number of configurations (Dodge et al. 2019, Show Your Work). The expectation is over the orders of the configurations
that were tried, without replacement. That is unbiased where Dodge's formula is not (Tang et al. 2020, Showing Your
Work Doesn't Always Work).
"""

import numpy as np
import pandas as pd

from hpsearch.record.frame import Runs
from hpsearch.report.stats import Floats
from hpsearch.report.summary_table import ordered_values

BAND = (0.1, 0.9)  # of the orders
COLUMNS = ["configurations", "validation", "low", "high", "test"]


def chances(n: int) -> Floats:
    """[k - 1, i]: the probability that the i-th lowest of n is the best of k drawn without replacement:
    C(i, k - 1) / C(n, k), with i from 0 on."""
    from scipy.special import gammaln

    k, i = np.arange(1, n + 1)[:, None], np.arange(n)[None]
    short = i < k - 1

    def log_choose(of: object, some: object) -> Floats:
        of, some = np.asarray(of, float), np.asarray(some, float)
        return np.asarray(gammaln(of + 1) - gammaln(some + 1) - gammaln(of - some + 1))

    logs = log_choose(np.where(short, k - 1, i), k - 1) - log_choose(n, k)
    return np.where(short, 0.0, np.exp(logs))


def expected_best(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each number of configurations: their expected best validation mean, the band between the tenth and the
    ninetieth percentile of the orders, and the expected test mean of that best. table: with score, val_mean, test_mean.
    """
    ranked = table[table.score.notna() & table.test_mean.notna()].sort_values("score", kind="stable")
    if ranked.empty:
        return pd.DataFrame(columns=COLUMNS)
    validation = ranked.val_mean.to_numpy(float)
    test = ranked.groupby("score").test_mean.transform("mean").to_numpy(float)  # of equals, any may be chosen
    chance = chances(len(ranked))
    reached = chance.cumsum(1)
    worse, better = (validation[(reached >= share - 1e-9).argmax(1)] for share in BAND)
    numbers = np.arange(1, len(ranked) + 1)
    low, high = np.minimum(worse, better), np.maximum(worse, better)
    return pd.DataFrame(dict(zip(COLUMNS, (numbers, chance @ validation, low, high, chance @ test), strict=True)))


def budgets(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """`expected_best` for each value of a key, with a column of its name."""
    of = {value: expected_best(table[table[key] == value]) for value in ordered_values(table, key) if value is not None}
    parts = [its.assign(**{key: value}) for value, its in of.items() if len(its)]
    return pd.concat(parts, ignore_index=True)[[key, *COLUMNS]] if parts else pd.DataFrame(columns=[key, *COLUMNS])


def beside_chance(runs: Runs, table: pd.DataFrame) -> pd.DataFrame:
    """`expected_best` of all configurations, with a column `searched`: the best so far in the order of the runs.

    It compares a search with a random order of the same configurations: one that learns finds its best late, so its
    column is below, and ends with better ones than it began with."""
    found = expected_best(table)
    first = runs.frame.groupby("configuration").number.min()
    ordered = table[table.score.notna() & table.test_mean.notna()]
    ordered = ordered.loc[first.reindex(ordered.index).sort_values(kind="stable").index]
    found["searched"] = (runs.measure.sign * ordered.score.cummax()).to_numpy(float)
    return found
