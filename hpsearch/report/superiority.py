"""P(A > B): how often A beats B on the same seed (Bouthillier et al. 2021, Accounting for Variance in
Machine Learning Benchmarks)."""

from dataclasses import dataclass
from math import nan

import numpy as np

from hpsearch.report.proportion import wilson

MEANINGFUL = 0.75  # the share of wins that Bouthillier et al. ask of a difference that matters


@dataclass(frozen=True)
class Superiority:
    """share: of the seeds on which A has the higher value, a tie counting as a half. low, high: 95 % interval."""

    share: float
    low: float
    high: float


def superiority(a: dict[int, float], b: dict[int, float], sign: int = 1) -> Superiority:
    """P(A > B) over the common seeds; without any, over all pairs of a seed of A with one of B (Mann-Whitney's U).
    sign: -1 if lower is better.

    The interval is Wilson's, because a bootstrap of ten wins in ten has no width. Without common seeds its n is the
    smaller number of seeds: so many pairs would be independent, and all pairs together vary less.
    """
    common = sorted(a.keys() & b.keys())
    if common:
        differences, n = np.array([a[seed] - b[seed] for seed in common]), len(common)
    else:
        differences = np.subtract.outer(np.array([*a.values()]), np.array([*b.values()]))
        n = min(len(a), len(b))
    if not n:
        return Superiority(nan, nan, nan)
    differences = sign * differences.round(12)  # values that differ only by rounding errors are ties
    share = float((differences > 0).mean() + (differences == 0).mean() / 2)
    return Superiority(share, *wilson(share, n))
