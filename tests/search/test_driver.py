"""The driver of a search, fed with curves that are made up: what it asks for, reports, prunes, tells and repeats."""

import math
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial

from hpsearch.errors import UsageError
from hpsearch.search import driver
from tests.searching import COMPLETE, FAIL, PRUNED, SPACE, Curve, search, stored

Values = Mapping[str, str]


def rising(values: Values, epochs: int = 2) -> Curve:
    """A curve that depends on the configuration and the seed."""
    best = 0.9 - abs(math.log10(float(values["lr"])) + 1.5) / 4 - 0.01 * int(values["seed"])
    return [best * (epoch + 1) / epochs for epoch in range(epochs)]


def four_epochs(values: Values) -> Curve:
    return rising(values, epochs=4)


def raising(broken: Callable[[Values], bool]) -> Callable[[Values], Curve]:
    """Runs that rise, or raise."""
    return lambda values: MemoryError("no memory for this one\nand more") if broken(values) else rising(values)


def by_lr(trials: list[FrozenTrial]) -> dict[float, FrozenTrial]:
    return {trial.params["lr"]: trial for trial in trials}


def test_a_trial_is_told_its_curve_and_its_value(tmp_path: Path) -> None:
    search(tmp_path, rising, *SPACE, "hydra.sweeper.n_trials=6")
    found = stored(tmp_path)
    assert [trial.state for trial in found] == [COMPLETE] * 6
    assert [trial.number for trial in found] == list(range(6))
    for trial in found:
        curve = rising({"lr": str(trial.params["lr"]), "seed": "0"})
        assert not isinstance(curve, Exception)
        assert trial.intermediate_values == {1: curve[0], 2: curve[1]}
        assert trial.value == curve[1]
        assert trial.datetime_complete is not None
        assert trial.user_attrs["configuration"].startswith(f"lr={trial.params['lr']} optimizer=")


def test_a_halving_is_exact_among_the_runs_of_a_cohort(tmp_path: Path) -> None:
    halving = ("hydra/sweeper/pruner=synchronous_halving", "hydra.sweeper.pruner.cohort=9")
    search(tmp_path, four_epochs, *SPACE, "epochs=4", "hydra.sweeper.n_trials=9", *halving)
    found = stored(tmp_path)
    first = sorted((trial.intermediate_values[1] for trial in found), reverse=True)
    lengths = {trial.number: len(trial.intermediate_values) for trial in found}
    assert sorted(lengths.values()) == [1] * 6 + [3, 3, 4]
    stayed = [trial.intermediate_values[1] for trial in found if lengths[trial.number] > 1]
    assert sorted(stayed, reverse=True) == first[:3]
    assert [trial.state for trial in found].count(PRUNED) == 8
    (winner,) = (trial for trial in found if trial.state is COMPLETE)
    assert winner.value == max(trial.intermediate_values[1] * 4 for trial in found)


def test_a_cohort_begins_as_a_whole_and_cohorts_are_halved_apart(tmp_path: Path) -> None:
    halving = ("hydra/sweeper/pruner=synchronous_halving", "hydra.sweeper.pruner.cohort=4")
    search(tmp_path, four_epochs, *SPACE, "epochs=4", "hydra.sweeper.n_trials=8", *halving, lanes=6)
    lengths = [len(trial.intermediate_values) for trial in stored(tmp_path)]
    assert [sorted(lengths[:4]), sorted(lengths[4:])] == [[1, 1, 1, 4]] * 2  # of 4 trials 1 stays


MEDIAN = "{_target_: optuna.pruners.MedianPruner}"
PRUNERS = {
    "median": [],
    "percentile": [],
    "one_epoch": ["hydra.sweeper.pruner.cohort=4"],
    "successive_halving": [],
    "hyperband": [],
    "threshold": ["hydra.sweeper.pruner.lower=0.15"],
    "patient": ["hydra.sweeper.pruner.patience=0", f"hydra.sweeper.pruner.wrapped_pruner={MEDIAN}"],
}


@pytest.mark.parametrize("pruner", list(PRUNERS))
def test_every_pruner_is_asked_each_epoch(tmp_path: Path, pruner: str) -> None:
    trained: list[dict[str, str]] = []
    chosen = (f"hydra/sweeper/pruner={pruner}", *PRUNERS[pruner], "epochs=9", "hydra.sweeper.n_trials=12")

    def falling(values: Values) -> Curve:
        curve = rising(values, epochs=9)
        assert not isinstance(curve, Exception)
        return curve[::-1]

    search(tmp_path, falling, *SPACE, *chosen, lanes=4, trained=trained)
    found = stored(tmp_path)
    assert len(trained) == len(found) == 12
    assert {trial.state for trial in found} == {COMPLETE, PRUNED}
    for trial in found:
        done = len(trial.intermediate_values)
        assert list(trial.intermediate_values) == list(range(1, done + 1))
        assert trial.user_attrs["epochs"] == done
        assert done == 9 or trial.state is PRUNED


def test_the_mean_over_seeds_is_the_objective(tmp_path: Path) -> None:
    trained: list[dict[str, str]] = []
    search(tmp_path, rising, *SPACE, "hydra.sweeper.n_trials=3", "hydra.sweeper.seeds=[0,1,4]", trained=trained)
    for trial in stored(tmp_path):
        mine = [values for values in trained if values["lr"] == str(trial.params["lr"])]
        assert [values["seed"] for values in mine] == ["0", "1", "4"]
        curves = [rising(values) for values in mine]
        ends = [curve[-1] for curve in curves]  # type: ignore[index]
        assert trial.value == pytest.approx(sum(ends) / 3)
        assert trial.user_attrs["seeds"] == dict(zip(("0", "1", "4"), ends, strict=True))
        assert trial.user_attrs["std"] > 0
        assert trial.user_attrs["epochs"] == 6
        assert trial.intermediate_values[1] == pytest.approx(sum(ends) / 6)
        assert len(trial.intermediate_values) == 2


def test_wilcoxon_prunes_across_seeds(tmp_path: Path) -> None:
    wilcoxon = ("hydra/sweeper/pruner=wilcoxon", "hydra.sweeper.seeds=[0,1,2,3,4,5]")
    lrs = "lr=0.03,0.0001,0.0002,0.0003"
    search(tmp_path, rising, lrs, "hydra.sweeper.n_trials=4", *wilcoxon, lanes=1)
    trials = by_lr(stored(tmp_path))
    lengths = {lr: len(trial.intermediate_values) for lr, trial in trials.items()}
    assert (trials[0.03].state, lengths[0.03]) == (COMPLETE, 6)
    assert list(trials[0.03].intermediate_values) == list(range(6))  # a step is a seed
    after = [lr for lr in trials if trials[lr].number > trials[0.03].number]
    assert all((trials[lr].state, lengths[lr] < 6) == (PRUNED, True) for lr in after)


def test_a_run_that_diverges_is_told_as_the_worst_value(tmp_path: Path) -> None:
    def diverging(values: Values) -> Curve:
        return [0.5, math.nan] if values["lr"] == "1e+30" else rising(values)

    search(tmp_path, diverging, "lr=0.1,1e30", "hydra.sweeper.n_trials=2")
    found = by_lr(stored(tmp_path))
    assert (found[1e30].state, found[1e30].value, found[1e30].user_attrs["diverged"]) == (COMPLETE, 0.0, [0])
    assert found[0.1].value is not None
    assert found[0.1].value > 0


def test_the_worst_value_of_an_error_is_infinite(tmp_path: Path) -> None:
    def diverging(values: Values) -> Curve:
        return [math.nan] if values["lr"] == "1e+30" else rising(values)

    loss = "hydra.sweeper.objective=val_loss", "hydra.sweeper.seeds=[0,1]"
    made = search(tmp_path, diverging, "lr=0.1,1e30", "hydra.sweeper.n_trials=2", *loss)
    found = by_lr(stored(tmp_path))
    assert (found[1e30].state, found[1e30].value) == (COMPLETE, math.inf)
    assert (found[1e30].user_attrs["seeds"], found[1e30].user_attrs["diverged"]) == ({"0": None, "1": None}, [0, 1])
    assert made.mirror.study.best_params == {"lr": "0.1"} or made.mirror.study.best_params == {"lr": 0.1}
    assert made.failures == 0


def test_several_objectives(tmp_path: Path) -> None:
    search(
        tmp_path,
        rising,
        *SPACE,
        "hydra.sweeper.n_trials=3",
        "hydra.sweeper.objective=[val_accuracy,seconds,parameters]",
    )
    for trial in stored(tmp_path):
        accuracy, seconds, parameters = trial.values
        assert 0 < accuracy < 1
        assert (seconds, parameters) == (2.0, 10)
        assert trial.intermediate_values == {}


def test_a_study_goes_on_up_to_n_trials_without_repeating_a_point(tmp_path: Path) -> None:
    trained: list[dict[str, str]] = []
    for n_trials, runs in ((5, 5), (5, 5), (8, 8)):
        search(tmp_path, rising, *SPACE, f"hydra.sweeper.n_trials={n_trials}", trained=trained)
        assert len(trained) == runs
    assert len({values["lr"] for values in trained}) == 8
    assert [trial.number for trial in stored(tmp_path)] == list(range(8))


def test_the_same_seed_gives_the_same_search(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        search(tmp_path / name, rising, *SPACE, "hydra/sweeper/sampler=tpe", "hydra.sweeper.n_trials=15", lanes=3)
        found.append([(trial.params, trial.value, trial.state) for trial in stored(tmp_path / name)])
    assert found[0] == found[1]


def test_points_that_are_few_are_not_tried_twice(tmp_path: Path) -> None:
    made = search(tmp_path, rising, "optimizer=sgd,adam", "lr=0.1,0.01", "hydra.sweeper.n_trials=30")
    assert len(stored(tmp_path)) == 4
    assert made.stopped == "every point that the sampler finds has been tried"


def test_a_trial_that_fails_costs_one_trial_and_can_be_tried_again(tmp_path: Path) -> None:
    command = ("lr=0.1,0.2,0.3", "hydra.sweeper.n_trials=3")
    made = search(tmp_path, raising(lambda values: values["lr"] == "0.3"), *command)
    found = by_lr(stored(tmp_path))
    assert found[0.3].state is FAIL
    assert found[0.3].user_attrs["reason"] == "no memory for this one"
    assert [found[lr].state for lr in (0.1, 0.2)] == [COMPLETE, COMPLETE]
    assert made.failures == 1
    made = search(tmp_path, rising, *command, "hydra.sweeper.retry_failed=1")
    assert {trial.params["lr"] for trial in stored(tmp_path) if trial.state is COMPLETE} == {0.1, 0.2, 0.3}
    assert made.failures == 0


def test_one_seed_that_fails_fails_the_trial(tmp_path: Path) -> None:
    seeds = ("hydra.sweeper.seeds=[0,1]", "hydra.sweeper.n_trials=1")
    search(tmp_path, raising(lambda values: values["seed"] == "1"), "lr=0.1,0.2", *seeds)
    (trial,) = stored(tmp_path)
    assert (trial.state, list(trial.user_attrs["seeds"])) == (FAIL, ["0"])


def test_a_failed_trial_is_tried_again_as_often_as_asked(tmp_path: Path) -> None:
    broken = raising(lambda values: values["lr"] == "0.3")
    made = search(tmp_path, broken, "lr=0.1,0.3", "hydra.sweeper.n_trials=2", "hydra.sweeper.retry_failed=2")
    assert [trial.state for trial in stored(tmp_path) if trial.params["lr"] == 0.3] == [FAIL] * 3
    assert made.failures == 1  # the others are repeated


def test_too_many_failures_end_the_search(tmp_path: Path) -> None:
    limits = ("hydra.sweeper.n_trials=20", "hydra.sweeper.max_failure_rate=0.1")
    made = search(tmp_path, raising(lambda values: True), *SPACE, *limits, lanes=1)
    assert len(stored(tmp_path)) == 3
    assert made.stopped == "3 of 3 trials failed, more than max_failure_rate allows"


def test_a_search_that_is_out_of_time_begins_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count()
    monkeypatch.setattr(driver, "monotonic", lambda: float(next(clock)))
    made = search(tmp_path, rising, *SPACE, "hydra.sweeper.n_trials=20", "hydra.sweeper.timeout=2.5", lanes=2)
    assert 0 < len(stored(tmp_path)) < 20
    assert made.stopped == "timeout=2.5 s is over"


def test_known_points_come_first(tmp_path: Path) -> None:
    points = "hydra.sweeper.enqueue=[{optimizer: adam, lr: 0.0123}]"
    for _ in range(2):  # the second time there is nothing to do
        search(tmp_path, rising, *SPACE, "hydra.sweeper.n_trials=3", points)
    found = stored(tmp_path)
    assert found[0].params == {"optimizer": "adam", "lr": 0.0123}
    assert len(found) == 3


def test_a_search_that_is_interrupted_tries_its_open_trials_again(tmp_path: Path) -> None:
    def interrupted(values: Values) -> Curve:
        if len(asked) == 5:
            raise KeyboardInterrupt
        asked.append(values)
        return rising(values)

    asked: list[Values] = []
    command = (*SPACE, "hydra.sweeper.n_trials=6")
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, interrupted, *command, lanes=2)
    before = stored(tmp_path)
    again = [trial for trial in before if trial.state is FAIL]
    assert again
    assert {trial.user_attrs["again"] for trial in again} == {"interrupted"}
    search(tmp_path, rising, *command, lanes=2)
    found = stored(tmp_path)
    complete = [trial for trial in found if trial.state is COMPLETE]
    assert len(complete) == len({trial.user_attrs["configuration"] for trial in complete}) == 6
    assert {str(trial.params) for trial in again} <= {str(trial.params) for trial in complete}
    assert found[: len(before)] == before


def also_dropout(config: Any, trial: optuna.Trial) -> None:
    """A search space in Python."""
    trial.suggest_float("dropout.p", 0.0, 0.1 * config.epochs)


@pytest.mark.parametrize("space", [(), ("lr=0.1,0.2",)])
def test_a_space_in_python_is_searched_too(tmp_path: Path, space: tuple[str, ...]) -> None:
    trained: list[dict[str, str]] = []
    function = f"hydra.sweeper.custom_search_space={__name__}.also_dropout"
    search(tmp_path, lambda values: [0.5], *space, "hydra.sweeper.n_trials=3", function, trained=trained)
    names = (*(line.partition("=")[0] for line in space), "dropout.p")
    assert {tuple(trial.params) for trial in stored(tmp_path)} == {names}
    assert len({values["dropout.p"] for values in trained}) == 3
    assert all(0 <= float(values["dropout.p"]) <= 0.2 for values in trained)


def leaves_what_is_fixed(config: Any, trial: optuna.Trial) -> None:
    if "dropout.p" not in trial.user_attrs:
        also_dropout(config, trial)


@pytest.mark.parametrize("typed", ["dropout.p=0.3", "++dropout.p=0.3"])
def test_a_space_in_python_does_not_replace_what_is_typed(tmp_path: Path, typed: str) -> None:
    function = f"hydra.sweeper.custom_search_space={__name__}.also_dropout"
    with pytest.raises(
        UsageError, match="suggests dropout.p, which has the value 0.3 already; leave it alone if it is"
    ):
        search(tmp_path, lambda values: [0.5], typed, "lr=0.1,0.2", function)
    trained: list[dict[str, str]] = []
    function = f"hydra.sweeper.custom_search_space={__name__}.leaves_what_is_fixed"
    search(tmp_path, lambda values: [0.5], typed, "lr=0.1,0.2", "hydra.sweeper.n_trials=2", function, trained=trained)
    assert [values[typed.partition("=")[0]] for values in trained] == ["0.3"] * 2


def breaks_in_the_search(config: Any, trial: optuna.Trial) -> None:
    """It does well as long as it is only probed."""
    if trial.number == 11:
        raise KeyError("nothing here")
    trial.suggest_float("dropout.p", 0.0, 0.1)


def test_a_space_in_python_that_breaks_later_costs_no_trial(tmp_path: Path) -> None:
    path = f"{__name__}.breaks_in_the_search"
    function = f"hydra.sweeper.custom_search_space={path}"
    with pytest.raises(UsageError, match=f"^hydra.sweeper.custom_search_space={path}: KeyError: 'nothing here'$"):
        search(tmp_path, rising, *SPACE, "hydra.sweeper.n_trials=20", function, lanes=1)
    assert [trial.state for trial in stored(tmp_path)] == [COMPLETE] * 11
