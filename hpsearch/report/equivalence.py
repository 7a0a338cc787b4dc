"""Equivalence: two configurations are equal within a margin if both one-sided t-tests say so (Schuirmann 1987).

A test that finds no difference does not show that there is none; this one does. The hypotheses of all comparisons are
corrected together by Holm, in the p-values and in the margins.
"""

from collections.abc import Sequence
from math import inf, isnan, nan

import numpy as np

from hpsearch.report.stats import LEVEL, Comparison, Floats, holm


def p_values(made: Sequence[Comparison], margin: float) -> list[float]:
    """The p of each comparison's two one-sided tests of a difference within ± margin, corrected by Holm."""
    return holm([_p(one, margin) for one in made])


def _p(one: Comparison, margin: float) -> float:
    from scipy.special import stdtr

    if isnan(one.se):
        return nan
    left = margin - abs(one.difference)
    if one.se < 1e-12:  # a rounding error
        return 0.0 if left > 0 else 1.0
    return float(stdtr(one.df, -left / one.se))


def smallest_margins(made: Sequence[Comparison]) -> Floats:
    """The smallest margin within which each comparison is equal at 95 %, for all of them together.

    It is the least for which Holm's procedure rejects: of the comparisons that are left, the one with the smallest
    margin at the level 0.05 / left is next, and no later one has a smaller margin than an earlier one.
    """
    from scipy.special import stdtrit

    distance = np.array([abs(one.difference) for one in made])
    se, df = np.array([one.se for one in made]), np.array([one.df for one in made])
    found = np.full(len(made), nan)
    left, reached = np.flatnonzero(~np.isnan(se)), 0.0
    while left.size:
        degrees, which = np.unique(df[left], return_inverse=True)
        margins = distance[left] + stdtrit(degrees, 1 - LEVEL / left.size)[which] * se[left]
        nearest = int(margins.argmin())
        reached = max(reached, float(margins[nearest]))
        found[left[nearest]] = reached
        left = np.delete(left, nearest)
    return np.where(found == inf, nan, found)
