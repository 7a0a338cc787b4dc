"""The statistics against values worked out by hand, scipy and statsmodels."""

import math
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats as reference
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from hpsearch.record.frame import batch_std
from hpsearch.report import stats

accuracies = st.lists(st.floats(0.05, 1.0, allow_subnormal=False), min_size=2, max_size=12)


def test_the_spread_over_seeds_has_n_minus_1_in_its_denominator() -> None:
    assert stats.seed_std([0.8, 0.9]) == pytest.approx(0.1 / math.sqrt(2))
    assert math.isnan(stats.seed_std([0.8]))


@given(accuracies)
def test_the_interval_is_scipys(values: list[float]) -> None:
    assume(np.std(values) > 1e-9)
    expected = reference.t.interval(0.95, len(values) - 1, np.mean(values), reference.sem(values))
    assert stats.mean_interval(values) == pytest.approx(expected, rel=1e-9)


def test_one_value_has_no_interval() -> None:
    assert all(map(math.isnan, stats.mean_interval([0.9])))


def test_the_standard_error_of_10000_images_is_a_third_of_a_point() -> None:
    assert float(stats.test_se(0.875, 10_000)) == pytest.approx(0.0033072, abs=1e-7)


def test_the_papers_spread_is_the_unweighted_one_over_batches() -> None:
    assert batch_std([9, 5], [10, 5]) == pytest.approx(0.05)


def test_the_papers_spread_has_variance_p_1_minus_p_over_186() -> None:
    """39 batches of 256 and one of 16: the mean of 1/size is 1/186.2; see Fashion-MNIST's ten printed values."""
    sizes = np.array([256] * 39 + [16])
    random = np.random.default_rng(0)
    spreads = [batch_std(random.binomial(sizes, 0.872), sizes) ** 2 for _ in range(2000)]
    assert np.mean(spreads) == pytest.approx(0.872 * 0.128 / 186.2 * 39 / 40, rel=0.05)


def by_seed(values: list[float]) -> dict[int, float]:
    return dict(enumerate(values))


def test_six_pairs_that_all_point_one_way_give_the_smallest_p() -> None:
    made = stats.compare(by_seed([0.9] * 5 + [0.91]), by_seed([0.8] * 6))
    assert made.paired
    assert (made.n, made.p, made.least_p) == (6, pytest.approx(2 / 64), 2 / 64)
    assert made.difference == pytest.approx(0.61 / 6)
    assert made.low < made.difference < made.high
    assert made.effect == pytest.approx(made.difference / np.std([0.1] * 5 + [0.11], ddof=1))


def test_five_pairs_cannot_be_tested() -> None:
    made = stats.compare(by_seed([0.9] * 5), by_seed([0.1] * 5))
    assert math.isnan(made.p)
    assert made.least_p == 2 / 32
    assert made.effect == math.inf  # a difference without any spread
    assert math.isnan(stats.compare(by_seed([0.9] * 5), by_seed([0.9] * 5)).effect)


@given(st.lists(st.integers(-9, 9), min_size=6, max_size=9))
def test_the_paired_test_counts_every_choice_of_signs(differences: list[int]) -> None:
    made = stats.compare(by_seed([d / 100 for d in differences]), by_seed([0.0] * len(differences)))
    signs = np.array(np.meshgrid(*[[-1, 1]] * len(differences))).reshape(len(differences), -1)
    sums = np.abs(np.array(differences) @ signs)
    assert made.p == pytest.approx((sums >= abs(sum(differences))).mean())


def test_disjoint_seeds_are_permuted() -> None:
    a, b = {0: 0.90, 1: 0.91, 2: 0.92, 3: 0.93}, {7: 0.80, 8: 0.81, 9: 0.82, 10: 0.83}
    made = stats.compare(a, b)
    assert not made.paired
    assert made.p == pytest.approx(2 / 70) == made.least_p  # 8 choose 4
    expected = reference.ttest_ind([*a.values()], [*b.values()], equal_var=False).confidence_interval(0.95)
    assert (made.low, made.high) == pytest.approx(tuple(expected))


def test_only_common_seeds_make_pairs() -> None:
    made = stats.compare({0: 0.9, 1: 0.9, 5: 0.1}, {0: 0.8, 1: 0.7, 9: 1.0})
    assert (made.paired, made.n, made.difference) == (True, 2, pytest.approx(0.15))


def test_more_pairs_than_can_be_enumerated_are_sampled_repeatably() -> None:
    random = np.random.default_rng(0)
    a, b = by_seed(list(random.normal(0.9, 0.01, 30))), by_seed(list(random.normal(0.895, 0.01, 30)))
    differences = [a[seed] - b[seed] for seed in a]
    made = stats.compare(a, b)
    assert made.p == stats.compare(a, b).p
    assert made.p == pytest.approx(reference.ttest_1samp(differences, 0).pvalue, abs=0.02)


@given(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=12))
def test_holms_correction_is_statsmodels(p_values: list[float]) -> None:
    with patch("gc.collect"):  # which statsmodels calls each time, 50 ms
        reference_values = multipletests(p_values, method="holm")[1]
    assert stats.holm(p_values) == pytest.approx(reference_values)


def test_a_test_that_was_not_made_does_not_count() -> None:
    assert stats.holm([0.01, math.nan, 0.03]) == pytest.approx([0.02, math.nan, 0.03], nan_ok=True)


@pytest.mark.parametrize(("comparisons", "seeds"), [(1, 6), (2, 7), (8, 9), (10, 9), (100, 12)])
def test_so_many_seeds_are_the_least(comparisons: int, seeds: int) -> None:
    assert stats.least_seeds(comparisons) == seeds


@pytest.mark.parametrize(("effect", "comparisons"), [(0.5, 1), (-0.3, 8), (0.9, 3)])
def test_the_seeds_needed_are_statsmodels(effect: float, comparisons: int) -> None:
    power = TTestPower().solve_power(abs(effect), power=0.8, alpha=0.05 / comparisons)
    assert stats.seeds_needed(effect, comparisons) == math.ceil(power)


def test_a_large_effect_still_needs_the_seeds_that_an_exact_test_needs() -> None:
    assert stats.seeds_needed(10.0, 8) == 9
    assert stats.seeds_needed(math.inf, 1) == 6
    assert stats.seeds_needed(0.01, 1) is None
    assert stats.seeds_needed(math.nan, 1) is None
