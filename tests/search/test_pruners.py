import math
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Literal

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.pruners import BasePruner
from optuna.trial import Trial, TrialState, create_trial

from hpsearch.search.pruners import COHORT, OneEpochPruner, SynchronousHalvingPruner
from tests.programs import examples

NAN, INF = math.nan, math.inf
Direction = Literal["minimize", "maximize"]
DIRECTIONS: st.SearchStrategy[Direction] = st.sampled_from(("minimize", "maximize"))
VALUES = st.sampled_from([0.0, 0.25, NAN, INF, -INF]) | st.floats(allow_subnormal=False)


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def make(pruner: BasePruner, direction: Direction = "minimize") -> optuna.Study:
    return optuna.create_study(pruner=pruner, direction=direction)


def lockstep(
    study: optuna.Study,
    curves: Sequence[Sequence[float]],
    random: Random | None = None,
    fails: Mapping[int, int] | None = None,
    cohorts: Mapping[int, int] | None = None,
) -> list[int]:
    """The epochs that each trial does: all that live report, then all are asked.

    random: shuffles the questions of each epoch. fails: trial -> the epoch that it does not finish.
    cohorts: trial -> its attribute.
    """
    living = [study.ask() for _ in curves]
    done = [0] * len(curves)
    for number, cohort in (cohorts or {}).items():
        living[number].set_user_attr(COHORT, cohort)
    for epoch in range(1, len(curves[0]) + 1):
        for trial in list(living):
            if (fails or {}).get(trial.number) == epoch:
                study.tell(trial, state=TrialState.FAIL)
                living.remove(trial)
            else:
                trial.report(curves[trial.number][epoch - 1], epoch)
                done[trial.number] = epoch
        for trial in (random or Random(0)).sample(living, len(living)):
            if trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                living.remove(trial)
    return done


def by_sorting(
    curves: Sequence[Sequence[float]],
    rungs: Mapping[int, int],
    cohort: int,
    direction: Direction,
    fails: Mapping[int, int],
) -> list[int]:
    """What `lockstep` is to give. rungs: step -> how many of a cohort stay."""
    values = np.array(curves) * (-1 if direction == "maximize" else 1)
    numbers = np.arange(len(values))
    done = np.zeros(len(values), int)
    living = np.ones(len(values), bool)
    for epoch in range(1, values.shape[1] + 1):
        living &= [fails.get(int(number)) != epoch for number in numbers]
        done[living] = epoch
        for start in range(0, len(values), cohort) if epoch in rungs else ():
            mine = numbers[start : start + cohort]
            mine = mine[living[mine]]
            now = values[mine, epoch - 1]
            best = mine[np.lexsort((mine, now, np.isnan(now)))]
            living[best[rungs[epoch] :]] = False
    found: list[int] = done.tolist()
    return found


EPOCHS = 6
CURVES = st.lists(st.lists(VALUES, min_size=EPOCHS, max_size=EPOCHS), min_size=1, max_size=20)
FAILS = st.dictionaries(st.integers(0, 19), st.integers(1, EPOCHS), max_size=4)
TWO_ORDERS = st.tuples(st.randoms(use_true_random=False), st.randoms(use_true_random=False))


@examples(60)
@given(st.integers(1, 2), st.integers(2, 4), st.integers(2, 9), CURVES, FAILS, DIRECTIONS, TWO_ORDERS)
def test_halving_keeps_the_true_best_in_whatever_order_it_is_asked(
    min_resource: int,
    factor: int,
    cohort: int,
    curves: list[list[float]],
    fails: dict[int, int],
    direction: Direction,
    orders: tuple[Random, Random],
) -> None:
    rungs = {min_resource * factor**k: max(1, math.floor(cohort / factor ** (k + 1))) for k in range(EPOCHS)}
    expected = by_sorting(curves, rungs, cohort, direction, fails)
    for order in orders:
        study = make(SynchronousHalvingPruner(min_resource, factor, cohort), direction)
        assert lockstep(study, curves, order, fails) == expected


@examples(60)
@given(st.data(), st.integers(2, 9), st.integers(1, EPOCHS), CURVES, FAILS, DIRECTIONS, TWO_ORDERS)
def test_one_epoch_keeps_the_true_best_in_whatever_order_it_is_asked(
    data: st.DataObject,
    cohort: int,
    epochs: int,
    curves: list[list[float]],
    fails: dict[int, int],
    direction: Direction,
    orders: tuple[Random, Random],
) -> None:
    keep = data.draw(st.integers(1, cohort - 1))
    expected = by_sorting(curves, {epochs: keep}, cohort, direction, fails)
    for order in orders:
        study = make(OneEpochPruner(keep, cohort, epochs), direction)
        assert lockstep(study, curves, order, fails) == expected


def test_halving_by_hand() -> None:
    """Of 6 trials 3 stay at step 2, 1 at step 4 and at step 8; only the value at the very step counts."""
    curves = [
        [0.1, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],  # was ahead at step 1
        [0.9, 0.3, 0.9, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9],
        [0.9, 0.2, 0.1, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.5, NAN, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.5, 0.4, 0.1, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0],  # as good as trial 1 at step 4
        [0.5, 0.4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],  # as good as trial 4 at step 2
    ]
    study = make(SynchronousHalvingPruner(min_resource=2, reduction_factor=2, cohort=6))
    assert lockstep(study, curves) == [2, 9, 4, 2, 4, 2]


@pytest.mark.parametrize(("direction", "worst"), [("minimize", INF), ("maximize", -INF)])
def test_nan_is_worse_than_any_number(direction: Direction, worst: float) -> None:
    study = make(OneEpochPruner(keep=1, cohort=3), direction)
    assert lockstep(study, [[NAN, 0.0], [worst, 0.0], [NAN, 0.0]]) == [1, 2, 1]


def test_of_none_but_nan_the_first_stay() -> None:
    assert lockstep(make(OneEpochPruner(keep=2, cohort=3)), [[NAN, 0.0]] * 3) == [2, 2, 1]


def test_trials_that_fail_leave_their_places_to_others() -> None:
    study = make(OneEpochPruner(keep=2, cohort=4))
    assert lockstep(study, [[0.1, 0.0], [0.2, 0.0], [0.3, 0.0], [0.4, 0.0]], fails={0: 1}) == [0, 2, 2, 1]


def test_cohorts_of_the_attribute_are_compared_apart() -> None:
    study = make(OneEpochPruner(keep=1, cohort=2))
    curves = [[0.1, 0.0], [0.2, 0.0], [0.3, 0.0], [0.4, 0.0]]
    assert lockstep(study, curves, cohorts={0: "a", 1: "b", 2: "a", 3: "b"}) == [2, 2, 1, 1]


def test_a_cohort_of_the_attribute_is_none_of_earlier_trials_without() -> None:
    """A study begun with another pruner and continued with this one."""
    study = make(OneEpochPruner(keep=1, cohort=2))
    for _ in range(2):
        study.add_trial(create_trial(value=0.0, intermediate_values={1: 0.0, 2: 0.0}))
    trials = [study.ask(), study.ask()]
    for trial, value in zip(trials, [0.5, 0.6], strict=True):
        trial.set_user_attr(COHORT, "mine")
        trial.report(value, 1)
    assert [trial.should_prune() for trial in trials] == [False, True]


def test_without_a_rung_no_trial_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for pruner in (SynchronousHalvingPruner(), OneEpochPruner()):
        study = make(pruner)
        asked: list[bool] = []
        monkeypatch.setattr(study, "get_trials", lambda deepcopy, asked=asked: asked.append(deepcopy) or [])
        for steps in ({}, {0: 0.5}, {1: 0.5, 2: 0.5}, {1: 0.5, 9: 0.5, 26: 0.5}):
            assert not pruner.prune(study, create_trial(state=TrialState.RUNNING, intermediate_values=steps))
        assert asked == []
        pruner.prune(study, create_trial(state=TrialState.RUNNING, intermediate_values={1: 0.5}))
        assert asked == [False]


@pytest.mark.parametrize(
    ("pruner", "cost"), [(SynchronousHalvingPruner(), 94), (OneEpochPruner(), 144), (optuna.pruners.NopPruner(), 1080)]
)
def test_what_a_cohort_of_27_costs_in_40_epochs(pruner: BasePruner, cost: int) -> None:
    curves = [[Random(trial).random()] * 40 for trial in range(27)]
    assert sum(lockstep(make(pruner, "maximize"), curves)) == cost


def in_turn(pruner: BasePruner, values: Sequence[float]) -> list[int]:
    """The epochs, of 8 at most, that each trial does in Optuna's own loop."""

    def objective(trial: Trial) -> float:
        for epoch in range(1, 9):
            trial.report(values[trial.number], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return values[trial.number]

    study = make(pruner)
    study.optimize(objective, n_trials=len(values))
    return [len(trial.intermediate_values) for trial in study.get_trials(deepcopy=False)]


def test_in_a_plain_loop_a_trial_is_compared_with_those_before_it() -> None:
    halving = SynchronousHalvingPruner(reduction_factor=2, cohort=6)  # 3 stay at step 1, 1 at steps 2, 4 and 8
    assert in_turn(halving, [0, 1, 2, 3, 4, 5, 9, 0]) == [8, 2, 2, 1, 1, 1, 8, 8]  # the last two: the next cohort
    assert in_turn(halving, [5, 4, 3, 2, 1, 0]) == [8] * 6
    assert in_turn(OneEpochPruner(keep=2, cohort=4), [0, 1, 2, 0.5]) == [8, 8, 1, 8]


@pytest.mark.parametrize(
    ("pruner", "options", "message"),
    [
        (SynchronousHalvingPruner, {"min_resource": 0}, "min_resource=0: must be at least 1 epoch"),
        (SynchronousHalvingPruner, {"reduction_factor": 1}, "reduction_factor=1: must be at least 2"),
        (SynchronousHalvingPruner, {"cohort": 1}, "cohort=1: must be at least 2 trials"),
        (OneEpochPruner, {"cohort": 1, "keep": 1}, "cohort=1: must be at least 2 trials"),
        (OneEpochPruner, {"keep": 0}, "keep=0: must be between 1 and 26, fewer than the cohort"),
        (OneEpochPruner, {"keep": 27}, "keep=27: must be between 1 and 26, fewer than the cohort"),
        (OneEpochPruner, {"epochs": 0}, "epochs=0: must be at least 1"),
    ],
)
def test_a_value_out_of_range_is_named(pruner: type[BasePruner], options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        pruner(**options)


def test_the_least_values_are_allowed() -> None:
    assert SynchronousHalvingPruner(min_resource=1, reduction_factor=2, cohort=2).cohort == 2
    assert OneEpochPruner(keep=1, cohort=2, epochs=1).cohort == 2


@pytest.mark.parametrize("every", [2, 5])
def test_a_trial_that_reports_seldom_is_judged_by_its_first_report_beyond_a_rung(every: int) -> None:
    """In a plain `Study.optimize`: the later trials are the worse ones, and all but the first few are pruned."""
    study = make(SynchronousHalvingPruner(), "maximize")

    def objective(trial: Trial) -> float:
        for step in range(every, 28, every):
            trial.report(-trial.number, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return -trial.number

    study.optimize(objective, 27)
    judged = [max(trial.intermediate_values) for trial in study.trials if trial.state is TrialState.PRUNED]
    assert judged == {2: [10] * 2 + [4] * 6 + [2] * 18, 5: [10] * 2 + [5] * 24}[every]


def test_a_report_is_judged_once_at_a_rung() -> None:
    study = make(SynchronousHalvingPruner(min_resource=4, cohort=3), "maximize")
    best, *others = [study.ask() for _ in range(3)]
    for trial in (best, *others):
        trial.report(float(trial is best), 5)
    assert [trial.should_prune() for trial in (best, *others)] == [False, True, True]
    best.report(-1.0, 6)
    assert not best.should_prune()
