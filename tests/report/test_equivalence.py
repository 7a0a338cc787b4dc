"""Equivalence against statsmodels, scipy and simulations with a known truth."""

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from hpsearch.report import equivalence, stats
from hpsearch.report.proportion import wilson
from hpsearch.report.superiority import superiority


def by_seed(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", first: int = 0) -> dict[int, float]:
    return {first + seed: float(value) for seed, value in enumerate(values)}


RANDOM = np.random.default_rng(0)
A, B = RANDOM.normal(0.90, 0.01, 10), RANDOM.normal(0.90, 0.01, 10)


def test_the_p_of_equivalence_is_statsmodels() -> None:
    paired = stats.compare(by_seed(A), by_seed(B))
    assert equivalence.p_values([paired], 0.01) == pytest.approx([ttost_paired(A, B, -0.01, 0.01)[0]])
    unpaired = stats.compare(by_seed(A), by_seed(B[:8], first=50))
    expected = ttost_ind(A, B[:8], -0.01, 0.01, usevar="unequal")[0]
    assert equivalence.p_values([unpaired], 0.01) == pytest.approx([expected])


def test_the_smallest_margin_has_a_p_of_5_percent() -> None:
    (margin,) = equivalence.smallest_margins([stats.compare(by_seed(A), by_seed(B))])
    assert ttost_paired(A, B, -margin, margin)[0] == pytest.approx(0.05)


def test_the_smallest_margins_are_those_that_holm_accepts() -> None:
    made = [stats.compare(by_seed(A), by_seed(B + shift)) for shift in (0.0, 0.004, 0.02, 0.0041)]
    made.append(stats.compare(by_seed(A[:4]), by_seed(B[:4])))
    for one, margin in enumerate(equivalence.smallest_margins(made)):
        assert equivalence.p_values(made, margin * 1.0001)[one] <= 0.05
        assert equivalence.p_values(made, margin * 0.9999)[one] > 0.05


def test_one_seed_shows_no_equivalence() -> None:
    made = [stats.compare({0: 0.9}, {0: 0.9})]
    assert np.isnan(equivalence.smallest_margins(made)).all()
    assert np.isnan(equivalence.p_values(made, 0.1)).all()


def test_equal_values_are_equal_within_any_margin() -> None:
    made = [stats.compare(by_seed(A), by_seed(A))]
    assert equivalence.smallest_margins(made) == pytest.approx([0.0])
    assert equivalence.p_values(made, 1e-6) == [0.0]


def test_a_difference_as_large_as_the_margin_passes_in_5_percent() -> None:
    """2,000 sweeps whose true difference is the margin: the worst case of the hypothesis of no equivalence."""
    differences = RANDOM.normal(0.01, 0.005, (2000, 10))
    passed = 0
    for row in differences:
        std = row.std(ddof=1)
        one = stats.Comparison(True, 10, row.mean(), 0, 0, 1, 1, 0, std / np.sqrt(10), 9)
        passed += equivalence.p_values([one], 0.01)[0] <= 0.05
    assert 0.035 < passed / 2000 < 0.065


def test_the_share_of_wins_counts_ties_as_halves() -> None:
    won = superiority({0: 0.9, 1: 0.8, 2: 0.7, 3: 0.5}, {0: 0.8, 1: 0.8, 2: 0.8, 3: 0.4})
    assert won.share == pytest.approx((1 + 0.5 + 0 + 1) / 4)
    lost = superiority({0: 0.9, 1: 0.8, 2: 0.7, 3: 0.5}, {0: 0.8, 1: 0.8, 2: 0.8, 3: 0.4}, sign=-1)
    assert lost.share == pytest.approx(1 - won.share)


def test_without_common_seeds_the_share_is_mann_whitneys() -> None:
    from scipy.stats import mannwhitneyu

    won = superiority(by_seed(A), by_seed(B[:8], first=50))
    assert won.share == pytest.approx(mannwhitneyu(A, B[:8]).statistic / 80)
    assert np.isnan(superiority(by_seed(A), {}).share)


@pytest.mark.parametrize(("right", "rows"), [(10, 10), (0, 10), (7, 10), (36, 40), (9876, 10000)])
def test_the_interval_of_a_share_is_statsmodels(right: int, rows: int) -> None:
    assert wilson(right / rows, rows) == pytest.approx(proportion_confint(right, rows, method="wilson"), abs=1e-12)


def test_the_interval_of_a_share_of_wins_covers_the_truth() -> None:
    """A beats B on a new seed with probability 0.8: the shares of 20 seeds, and of 15 against 15 others."""
    paired = RANDOM.binomial(20, 0.8, 4000) / 20
    low, high = np.array([wilson(share, 20) for share in paired]).T
    assert 0.93 < ((low <= 0.8) & (high >= 0.8)).mean() < 0.98
    gap = 0.8416212 * np.sqrt(2)  # the normal quantile of 0.8 times the spread of a difference
    a, b = RANDOM.normal(gap, 1, (2000, 15, 1)), RANDOM.normal(0, 1, (2000, 1, 15))
    low, high = np.array([wilson(share, 15) for share in (a > b).mean((1, 2))]).T
    assert ((low <= 0.8) & (high >= 0.8)).mean() > 0.95
