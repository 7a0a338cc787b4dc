"""The search space: what is typed becomes distributions, and a point the overrides of its jobs."""

import math
from functools import partial
from typing import Any

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution

from hpsearch.errors import UsageError
from hpsearch.search.space_syntax import parse
from hpsearch.search.suggest import suggest
from tests.programs import examples

STEPS = st.sampled_from(["0.1", "0.03", "0.25", "0.001"])


@given(low=st.integers(-20, 20), step=STEPS, number=st.integers(2, 30), seed=st.integers(0, 100))
@examples(50)
def test_a_range_has_the_same_values_in_a_search_as_in_a_grid(low: int, step: str, number: int, seed: int) -> None:
    line = f"lr=range({low / 100},{low / 100 + (number + 0.5) * float(step)},{step})"
    grid = {f"lr={value}" for value in OverridesParser.create().parse_override(line).sweep_string_iterator()}
    space = parse({}, {}, [line])
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    for _ in range(10):
        assert {*space.overrides(partial(suggest, study.ask()))} <= grid


PARAMS = {
    "optimizer": "sgd,adam,rmsprop",
    "lr": "tag(log, interval(0.0001, 0.01))",
    "architecture.depth": "range(1,4)",
    "epochs": 5,
}
WHEN = {
    "optimizer=sgd": {"lr": "tag(log, interval(0.01, 1.0))", "optimizer.momentum": "0.0,0.9"},
    "optimizer.momentum=0.9": {"optimizer.nesterov": "true,false"},
    "optimizer=adam,rmsprop": {"optimizer.weight_decay": 0.001},
}


@given(seed=st.integers(0, 10_000))
def test_a_point_has_what_its_choices_bring_and_nothing_else(seed: int) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trial = study.ask()
    point = dict(line.split("=") for line in parse(PARAMS, WHEN, []).overrides(lambda n, d: suggest(trial, n, d)))
    sgd = point["optimizer"] == "sgd"
    low, high = (0.01, 1.0) if sgd else (0.0001, 0.01)
    assert low <= float(point["lr"]) <= high
    assert point["epochs"] == "5"
    assert ("optimizer.momentum" in point) == sgd
    assert ("optimizer.nesterov" in point) == (point.get("optimizer.momentum") == "0.9")
    assert point.get("optimizer.weight_decay") == (None if sgd else "0.001")
    assert set(trial.params) == set(point) - {"epochs", "optimizer.weight_decay"}


def test_the_corners_have_every_choice_and_both_ends() -> None:
    corners = [dict(line.split("=") for line in lines) for lines in parse(PARAMS, WHEN, []).corners()]
    assert {corner["optimizer"] for corner in corners} == {"sgd", "adam", "rmsprop"}
    assert {corner["lr"] for corner in corners} == {"0.0001", "0.01", "1.0"}
    assert {corner["architecture.depth"] for corner in corners} == {"1", "3"}
    assert {corner.get("optimizer.nesterov") for corner in corners} == {None, "true", "false"}
    assert len(corners) < 12


def test_the_command_line_wins_over_the_file() -> None:
    space = parse(PARAMS, WHEN, ["lr=0.5", "optimizer=sgd,adam", "~dropout"])

    def first(name: str, distribution: BaseDistribution) -> Any:
        return distribution.choices[0] if hasattr(distribution, "choices") else distribution.low  # type: ignore[attr-defined]

    assert sorted(space.overrides(first)) == [
        "architecture.depth=1", "epochs=5", "lr=0.5", "optimizer.momentum=0.0", "optimizer=sgd", "~dropout",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "searched"), [(["lr=0.5", "lr=0.1,0.2"], ["lr"]), (["lr=0.1,0.2", "lr=0.5"], [])]
)
def test_of_two_values_the_last_one_wins(arguments: list[str], searched: list[str]) -> None:
    space = parse({}, {}, ["optimizer=sgd,adam", *arguments])
    assert list(space.always.distributions) == ["optimizer", *searched]
    assert space.always.fixed == ({} if searched else {"lr": "0.5"})


def test_a_point_of_the_user_is_checked() -> None:
    space = parse(PARAMS, WHEN, [])
    assert space.point({"optimizer": "sgd", "lr": 0.5}) == {"optimizer": "sgd", "lr": 0.5}
    for given_point in ({"lr": 2}, {"lr": math.nan}, {"lr": "x"}, {"optimizer": "lion"}, {"epochs": 3}):
        with pytest.raises(UsageError, match=r"hydra\.sweeper\.enqueue: "):
            space.point(given_point)


@pytest.mark.parametrize(
    ("params", "when", "words"),
    [
        ({}, {}, "hydra.sweeper.params: no parameter to search"),
        ({"lr": 0.1}, {}, "hydra.sweeper.params: no parameter to search"),
        ({"lr": "interval(1, 0.1)"}, {}, "lr=interval(1, 0.1): must have its lower end first"),
        ({"lr": "tag(log, interval(0, 0.1))"}, {}, "lr=tag(log, interval(0, 0.1)): must be above 0 for a log scale"),
        ({"lr": "interval(0.1, 0.1)"}, {}, "lr=interval(0.1, 0.1): must be more than the one value 0.1"),
        ({"lr": "interval(nan, 0.1)"}, {}, "lr=interval(nan, 0.1): must have finite ends"),
        ({"lr": "interval(0, 1"}, {}, "lr=interval(0, 1: "),
        ({"seed": "range(3)", "lr": "0.1,0.2"}, {}, "seed: cannot be searched"),
        ({"lr": "0.1,0.2"}, {"optimizer": {"x": 1}}, "hydra.sweeper.when.optimizer: must be key=value"),
        ({"optimizer": "sgd,adam"}, {"optimizer=lion": {"x": 1}}, "hydra.sweeper.when: optimizer=lion: must be one of"),
        ({"lr": "0.1,0.2"}, {"optimizer=sgd": {"x": "1,2"}}, "hydra.sweeper.when: optimizer=sgd: must be a parameter"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_one_line(params: dict[str, Any], when: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(params, when, [])
    (fault,) = caught.value.faults
    assert fault.startswith(words)
    assert "\n" not in fault
