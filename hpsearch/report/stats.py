"""The statistics of a verdict: spreads, intervals, exact tests. Plain arrays in, plain numbers out.

Nothing here knows if higher is better: differences have a sign. An undefined number, such as the spread of one seed, is
nan. Quantiles come from scipy.special because scipy.stats takes 0.7 s to import; scipy.stats is imported with the first
test.

Long, because each formula stands with its source.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb, copysign, inf, isnan, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.05  # of significance; intervals cover 1 - LEVEL
POWER = 0.8
EXACT_PAIRS = 14  # paired seeds, of which a test enumerates all signs
RESAMPLES = 2**EXACT_PAIRS  # arrangements that a test enumerates; of more, it draws a sample
LARGEST_EFFECT = 5.0  # a larger effect needs no more seeds, and scipy's noncentral t overflows above
MOST_SEEDS = 1000  # the largest number that is suggested

Floats = NDArray[np.float64]


def seed_std(values: ArrayLike) -> float:
    """Standard deviation over seeds, n - 1 in the denominator."""
    values = np.asarray(values, float)
    return float(values.std(ddof=1)) if values.size > 1 else nan


def half_width(std: ArrayLike, n: ArrayLike) -> Floats:
    """Half the width of the 95 % t-interval of a mean; of the shape of `std` and `n`.

    Student's t, because a percentile bootstrap covers only 84 % at n = 5.
    """
    from scipy.special import stdtrit

    std, n = np.asarray(std, float), np.asarray(n, float)
    return np.asarray(stdtrit(np.where(n > 1, n - 1, nan), 1 - LEVEL / 2) * std / np.sqrt(n))


def mean_interval(values: ArrayLike) -> tuple[float, float]:
    """95 % t-interval of the mean."""
    values = np.asarray(values, float)
    half = float(half_width(seed_std(values), values.size))
    return float(values.mean()) - half, float(values.mean()) + half


def test_se(accuracy: ArrayLike, samples: ArrayLike) -> Floats:
    """Binomial standard error of an accuracy p measured on so many samples: sqrt(p (1 - p) / samples)."""
    accuracy = np.asarray(accuracy, float)
    return np.asarray(np.sqrt(accuracy * (1 - accuracy) / np.asarray(samples, float)))


@dataclass(frozen=True)
class Comparison:
    """The difference a - b between two configurations.

    n: the number of pairs, or the smaller number of unpaired seeds. low, high: 95 % t-interval of the difference.
    p: two-sided. least_p: the smallest p that this many seeds can give. effect: Cohen's d, by the standard deviation
    of paired differences (d_z), or by the pooled standard deviation (Cohen 1988). se, df: standard error of the
    difference and its degrees of freedom.
    """

    paired: bool
    n: int
    difference: float
    low: float
    high: float
    p: float
    least_p: float
    effect: float
    se: float = nan
    df: float = nan


def compare(a: dict[int, float], b: dict[int, float]) -> Comparison:
    """Compare values by seed. Common seeds are pairs, for a sign-flip test; without any, a permutation test of the
    labels. Both tests are exact up to `RESAMPLES` arrangements."""
    common = sorted(a.keys() & b.keys())
    if common:
        return _paired(np.array([a[seed] - b[seed] for seed in common]))
    return _unpaired(np.array([*a.values()]), np.array([*b.values()]))


def _mean(values: Floats, axis: int) -> Floats:
    return np.asarray(values.mean(axis).round(12))  # arrangements that differ only by rounding errors are ties


def _mean_difference(a: Floats, b: Floats, axis: int) -> Floats:
    return np.asarray((a.mean(axis) - b.mean(axis)).round(12))


def _paired(differences: Floats) -> Comparison:
    n = len(differences)
    least_p = 2 / 2**n
    p = _permutation_p((differences,), _mean, "samples") if least_p <= LEVEL else nan
    mean, std = float(differences.mean()), seed_std(differences)
    interval = mean_interval(differences)
    return Comparison(True, n, mean, *interval, p, least_p, _effect(mean, std), std / sqrt(n), n - 1 if n > 1 else nan)


def _permutation_p(data: tuple[Floats, ...], statistic: Callable[..., Floats], kind: str) -> float:
    from scipy.stats import permutation_test

    test = permutation_test(data, statistic, permutation_type=kind, vectorized=True, n_resamples=RESAMPLES, rng=0)
    return float(test.pvalue)


def _effect(difference: float, std: float) -> float:
    """Cohen's d; infinite for a difference without spread. A spread of 1e-12 is a rounding error."""
    if std > 1e-12:
        return difference / std
    return nan if isnan(std) or abs(difference) < 1e-12 else copysign(inf, difference)


def _unpaired(a: Floats, b: Floats) -> Comparison:
    n, m = len(a), len(b)
    if not n or not m:
        return Comparison(False, 0, nan, nan, nan, nan, 1.0, nan)
    difference, least_p = float(a.mean() - b.mean()), 2 / comb(n + m, n)
    low = high = effect = se = df = nan
    if n > 1 and m > 1:
        from scipy.stats import ttest_ind

        if a.var() + b.var():
            welch = ttest_ind(a, b, equal_var=False)
            low, high = map(float, welch.confidence_interval(1 - LEVEL))
            se, df = sqrt(a.var(ddof=1) / n + b.var(ddof=1) / m), float(welch.df)
        pooled = sqrt(((n - 1) * a.var(ddof=1) + (m - 1) * b.var(ddof=1)) / (n + m - 2))
        effect = _effect(difference, pooled)
    p = _permutation_p((a, b), _mean_difference, "independent") if least_p <= LEVEL else nan
    return Comparison(False, min(n, m), difference, low, high, p, least_p, effect, se, df)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Holm 1979). nan, for a test that was not made, stays nan and does not count."""
    made = sorted((p, i) for i, p in enumerate(p_values) if not isnan(p))
    corrected, least = [nan] * len(p_values), 0.0
    for rank, (p, i) in enumerate(made):
        least = max(least, min(1.0, (len(made) - rank) * p))
        corrected[i] = least
    return corrected


def least_seeds(comparisons: int) -> int:
    """The fewest paired seeds with which an exact two-sided test can be significant after Holm's correction."""
    return next(n for n in range(1, 64) if comparisons * 2 / 2**n <= LEVEL)


def seeds_needed(effect: float, comparisons: int) -> int | None:
    """Paired seeds for 80 % power against a true effect d_z, at the strictest step of Holm's correction.

    From the noncentral t distribution of the paired t-test (Cohen 1988); None above `MOST_SEEDS`.
    """
    from scipy.special import nctdtr, stdtrit

    if isnan(effect):
        return None
    effect = min(abs(effect), LARGEST_EFFECT)
    n = np.arange(max(2, least_seeds(comparisons)), MOST_SEEDS + 1)
    critical = stdtrit(n - 1, 1 - LEVEL / comparisons / 2)
    enough = n[1 - nctdtr(n - 1, effect * np.sqrt(n), critical) >= POWER]
    return int(enough[0]) if enough.size else None
