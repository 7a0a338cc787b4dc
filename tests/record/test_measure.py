"""The metric of a record: its words, and how its values are written."""

import math

import pytest

from hpsearch.record.measure import ACCURACY, Measure

RMSE = Measure("rmse", maximize=False, unit="target", target="strength")


def test_a_metric_is_the_one_of_its_record() -> None:
    record = {
        "metric": {"name": "rmse", "maximize": False, "unit": "target"},
        "target": {"kind": "regression", "name": "strength", "classes": None},
    }
    assert Measure.of(record) == RMSE
    assert Measure.of(record | {"target": {"name": None}}).target == ""


@pytest.mark.parametrize(
    ("measure", "title"),
    [
        (ACCURACY, "accuracy"),
        (RMSE, "RMSE of strength"),
        (Measure("rmse", maximize=False, unit="target", target="target"), "RMSE"),
        (Measure("r2", maximize=True, unit="", target="strength"), "R²"),
        (Measure("balanced_accuracy", maximize=True, unit="%"), "balanced accuracy"),
        (Measure("my_own_score", maximize=True, unit=""), "my own score"),
    ],
)
def test_a_metric_has_a_name_for_a_sentence(measure: Measure, title: str) -> None:
    assert measure.title == title


def test_a_long_target_has_no_room_beside_a_figure() -> None:
    assert RMSE.label("test") == "test RMSE of strength"
    assert Measure("rmse", maximize=False, unit="target", target=30 * "x").label("test") == "test RMSE"
    assert ACCURACY.label("validation") == "validation accuracy (%)"


@pytest.mark.parametrize(
    ("mean", "spread", "words"),
    [
        (4.83, 0.1631, "4.83 ± 0.16"),
        (0.078912, 0.00061, "0.07891 ± 0.00061"),
        (9.99996, math.nan, "10.00"),
        (-0.25, 1.0, "-0.2 ± 1.0"),
        (123456.7, 1234.0, "123457 ± 1234"),
        (1.234567e8, 3.21e6, "(1.235 ± 0.032)e+08"),
        (1.234567e-7, 3.21e-9, "(1.235 ± 0.032)e-07"),
        (3.0, 1e-12, "3.000 ± 0.000"),
        (0.0, 0.0, "0.000 ± 0.000"),
        (0.001, 0.5, "0.00 ± 0.50"),
        (2e-6, 3e8, "(0.0 ± 3.0)e+08"),
        (4.805, 0.0071, "4.805 ± 0.007"),
        (math.nan, 0.1, "-"),
    ],
)
def test_a_plain_number_and_its_spread_agree_in_digits(mean: float, spread: float, words: str) -> None:
    assert RMSE.value(mean, spread) == words


def test_a_fraction_is_written_in_percent() -> None:
    assert ACCURACY.value(0.88914, 0.00213) == "88.91 ± 0.21"
    assert ACCURACY.difference(-0.0042, 0.9) == "-0.42"
    assert (ACCURACY.percent, ACCURACY.points) == (" %", " points")


def test_a_difference_has_the_decimals_of_a_value_beside_it() -> None:
    assert RMSE.difference(-0.2134, 4.83) == "-0.213"
    assert RMSE.difference(12.0, 4830.0) == "+12"
    assert RMSE.difference(3e-9, 1e-7) == "+3.000e-09"
    assert RMSE.difference(math.nan, 4.83) == "-"
    assert (RMSE.percent, RMSE.points) == ("", "")


def test_its_sign_makes_higher_better() -> None:
    assert (ACCURACY.sign, RMSE.sign) == (1, -1)
