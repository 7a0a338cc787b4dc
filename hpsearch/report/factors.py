"""Factors: how much each swept key matters over all others, and where another key turns the order of its values around.

Everything is paired: by the other keys' values and by the seed. A search has no such pairs, so it has no factors.
"""

from collections.abc import Sequence
from itertools import combinations, permutations
from math import nan, sqrt

import numpy as np
import pandas as pd

from hpsearch.record.frame import Runs
from hpsearch.report import stats
from hpsearch.report.summary_table import best_first, ordered_values

MOST_ORDERS = 10_000  # comparisons of orders; of larger grids none is made
MOST_VALUES = 20  # of a key that is compared; the numbers of a search have more, and no pairs
REST = "seeds and the rest"


def varied(table: pd.DataFrame, swept: Sequence[str]) -> list[str]:
    """The keys with several values in the table that every configuration has. table: of one data set."""
    return [key for key in swept if table[key].notna().all() and table[key].nunique() > 1]


def effects(runs: Runs, table: pd.DataFrame) -> pd.DataFrame:
    """A row for each value of a key against that of the best configuration on validation: key, best, other, fields of
    `stats.Comparison` (best minus other, on test), cells: the number of choices of the other keys that have both, and
    p_holm over all rows.

    A seed's difference is the mean over the cells, so seeds remain the unit of the test: cells of one seed are not
    independent.
    """
    values, keys, rows = _values(runs, table), varied(table, runs.swept), []
    for key in compared(table, keys):
        best, cells = best_first(table)[key].iloc[0], _cells(table, keys, key)
        for other in ordered_values(table, key):
            pairs = [] if other == best else _pairs(cells, best, other)
            if by_seed := _mean_by_seed(pairs, values):
                made = stats.compare(by_seed, dict.fromkeys(by_seed, 0.0))
                rows.append({"key": key, "best": best, "other": other, **vars(made), "cells": len(pairs)})
    found = pd.DataFrame(rows)
    if rows:
        found["p_holm"] = stats.holm(list(found.p))
    return found


def shares(runs: Runs, table: pd.DataFrame) -> pd.DataFrame:
    """The share of the variance of the test metric that each key and each pair of keys explains: part, share.

    Sums of squares of a balanced analysis of variance (Fisher 1925) over the seeds that all configurations have. Empty
    unless the grid is full, because the parts of another design overlap.
    """
    keys, values = varied(table, runs.swept), _values(runs, table)
    whole = int(np.prod([table[key].nunique() for key in keys])) if keys else 0
    common = set.intersection(*({*values.get(c, {})} for c in table.index)) if len(table) else set()
    if len(table) != whole or not common:
        return pd.DataFrame(columns=["part", "share"])
    long = table[keys].loc[table.index.repeat(len(common))].reset_index(drop=True)
    y = pd.Series([values[c][seed] for c in table.index for seed in sorted(common)])
    y = y - y.mean()
    total = float((y**2).sum())
    main = {key: y.groupby(long[key]).transform("mean") for key in keys}
    parts = {key: float((mean**2).sum()) for key, mean in main.items()}
    for one, other in combinations(keys, 2):
        both = y.groupby([long[one], long[other]]).transform("mean") - main[one] - main[other]
        parts[f"{one} × {other}"] = float((both**2).sum())
    parts[REST] = max(0.0, total - sum(parts.values()))
    return pd.DataFrame({"part": [*parts], "share": [part / total if total else nan for part in parts.values()]})


def reversals(runs: Runs, table: pd.DataFrame) -> pd.DataFrame:
    """The pairs of a key's values whose order on test another key turns around: key, one, other, by, here, there, the
    difference (one minus other) here and there, and p; the smallest p first.

    Both differences must be shown, so p is the larger of their two (an intersection-union test, Berger 1982) by the
    paired t-test, corrected by Holm for all orders that were compared.
    """
    columns = ["key", "one", "other", "by", "here", "there", "difference_here", "difference_there", "p"]
    keys, values, rows = varied(table, runs.swept), _values(runs, table), []
    pairs_of = {key: [*combinations(ordered_values(table, key), 2)] for key in compared(table, keys)}
    if sum(len(pairs_of[a]) * len(pairs_of[b]) for a in pairs_of for b in pairs_of if a != b) > MOST_ORDERS:
        return pd.DataFrame(columns=columns)
    for key, by in permutations(pairs_of, 2):
        within = {value: _cells(table[table[by] == value], keys, key) for value in ordered_values(table, by)}
        for one, other in pairs_of[key]:
            by_seed = {value: _mean_by_seed(_pairs(cells, one, other), values) for value, cells in within.items()}
            made = {value: _t_test(list(its.values())) for value, its in by_seed.items() if its}
            for here, there in combinations(made, 2):
                (first, p), (second, other_p) = made[here], made[there]
                p = max(p, other_p) if first * second < 0 else 1.0
                rows.append(dict(zip(columns, (key, one, other, by, here, there, first, second, p), strict=True)))
    found = pd.DataFrame(rows, columns=columns)
    found["p"] = stats.holm(list(found.p))
    return found[found.p <= stats.LEVEL].sort_values("p", kind="stable").reset_index(drop=True)


def isolation(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """For each value of a key the row of the best configuration on validation over all other keys."""
    chosen = best_first(table[table.score.notna()]).groupby(key).head(1)
    order = {value: place for place, value in enumerate(ordered_values(chosen, key))}
    return chosen.sort_values(key, key=lambda values: values.map(order))


def compared(table: pd.DataFrame, keys: list[str]) -> list[str]:
    """The keys with few enough values to compare each with each."""
    return [key for key in keys if table[key].nunique() <= MOST_VALUES]


def _t_test(differences: list[float]) -> tuple[float, float]:
    """The mean of paired differences, and the two-sided p of the t-test."""
    from scipy.special import stdtr

    n, mean = len(differences), float(np.mean(differences))
    se = stats.seed_std(differences) / sqrt(n)
    if not se > 1e-12:  # one seed, or a rounding error
        return mean, 1.0 if n < 2 or mean == 0 else 0.0
    return mean, float(2 * stdtr(n - 1, -abs(mean) / se))


def _values(runs: Runs, table: pd.DataFrame) -> dict[int, dict[int, float]]:
    """The test metric of the finished runs by configuration and seed."""
    test = runs.measure.test
    return {c: dict(zip(group.seed, group[test], strict=True)) for c, group in runs.finished if c in table.index}


def _cells(table: pd.DataFrame, keys: list[str], key: str) -> list[dict[object, int]]:
    """The configurations by their values of a key, for each choice of the other keys."""
    rest = [each for each in keys if each != key]
    alike: dict[tuple[object, ...], dict[object, int]] = {}
    for c, value, *others in table[[key, *rest]].itertuples():
        alike.setdefault(tuple(others), {})[value] = c
    return [*alike.values()]


def _pairs(cells: list[dict[object, int]], one: object, other: object) -> list[tuple[int, int]]:
    """The pairs of configurations that have these two values of a key and else the same."""
    return [(cell[one], cell[other]) for cell in cells if one in cell and other in cell]


def _mean_by_seed(pairs: list[tuple[int, int]], values: dict[int, dict[int, float]]) -> dict[int, float]:
    """The mean difference over the pairs of each seed that has all of them."""
    seeds = [values.get(a, {}).keys() & values.get(b, {}).keys() for a, b in pairs]
    common = sorted(set.intersection(*map(set, seeds))) if seeds else []
    return {seed: float(np.mean([values[a][seed] - values[b][seed] for a, b in pairs])) for seed in common}
