"""Searches as a user types them."""

import json
import os
import shlex
import sqlite3
from typing import Any

import optuna
import pytest
from omegaconf import DictConfig
from optuna.trial import FrozenTrial

from hpsearch.cli.command import CONF
from hpsearch.engine import trainer
from hpsearch.engine.spec import LaneSpec
from hpsearch.record.folders import run_folders
from hpsearch.search import storage
from tests.cli import TINY, Cli, Shown, records
from tests.searching import COMPLETE, FAIL, PRUNED, SEARCH, SPACE, by_point, trials_of


def search(cli: Cli, trials: int, *arguments: str, space: tuple[str, ...] = SPACE, name: str = "s") -> Shown:
    return cli(*SEARCH, *space, f"hydra.sweeper.n_trials={trials}", f"name={name}", *arguments)


def trials(cli: Cli, name: str = "s") -> list[FrozenTrial]:
    return trials_of(f"sqlite:///{cli.multirun / 'hpsearch.db'}", name)


def test_a_trial_is_a_run_and_its_study_holds_the_curve(cli: Cli) -> None:
    shown = search(cli, 6)
    assert shown.code == 0, shown.err
    assert shown.err == ""
    found, entries = trials(cli), list(records(cli.multirun / "s").values())
    assert [trial.state for trial in found] == [COMPLETE] * 6
    runs = {(e["config"]["optimizer"]["name"], e["config"]["lr"]): e for e in entries}
    for trial in found:
        entry = runs[trial.params["optimizer"], trial.params["lr"]]
        assert trial.value == entry["metrics"]["val_accuracy"]
        assert list(trial.intermediate_values.values()) == entry["history"]["val_accuracy"]
        assert list(trial.intermediate_values) == [1, 2]
        assert trial.datetime_complete is not None
    cli(*entries[3]["overrides"], "name=alone")
    (alone,) = records(cli.multirun / "alone").values()
    assert (alone["metrics"], alone["history"]) == (entries[3]["metrics"], entries[3]["history"])


@pytest.mark.parametrize("pruner", ["median", "synchronous_halving", "one_epoch", "successive_halving", "hyperband"])
def test_a_pruned_run_leaves_its_neighbours_bit_for_bit(cli: Cli, pruner: str) -> None:
    small = ("hydra.sweeper.pruner.cohort=4",) if pruner in ("synchronous_halving", "one_epoch") else ()
    search(cli, 12, "epochs=5", name="whole")
    shown = search(cli, 12, "epochs=5", f"hydra/sweeper/pruner={pruner}", *small, "hydra.launcher.lanes=4")
    assert shown.code == 0, shown.err
    whole = {entry["key"]: entry for entry in records(cli.multirun / "whole").values()}
    entries = records(cli.multirun / "s").values()
    statuses = [entry["status"] for entry in entries]
    assert len(entries) == 12
    assert 0 < statuses.count("pruned") < 12
    for entry in entries:
        epochs = len(entry["history"]["val_accuracy"])
        assert (epochs == 5) == (entry["status"] == "finished")
        for name, values in entry["history"].items():
            assert values == whole[entry["key"]]["history"][name][:epochs]
    told = trials(cli)
    assert sorted(len(trial.intermediate_values) for trial in told if trial.state is PRUNED) == sorted(
        len(entry["history"]["val_accuracy"]) for entry in entries if entry["status"] == "pruned"
    )
    assert sum(trial.state is COMPLETE for trial in told) == statuses.count("finished")


def test_a_halving_is_exact_among_the_runs_of_a_cohort(cli: Cli) -> None:
    search(cli, 9, "epochs=4", "hydra/sweeper/pruner=synchronous_halving", "hydra.sweeper.pruner.cohort=9")
    first = sorted((trial.intermediate_values[1] for trial in trials(cli)), reverse=True)
    lengths = {trial.number: len(trial.intermediate_values) for trial in trials(cli)}
    assert sorted(lengths.values()) == [1] * 6 + [3, 3, 4]
    stayed = [trial.intermediate_values[1] for trial in trials(cli) if lengths[trial.number] > 1]
    assert sorted(stayed, reverse=True) == first[:3]


def test_the_mean_over_seeds_is_the_objective(cli: Cli) -> None:
    assert search(cli, 3, "hydra.sweeper.seeds=[0,1,4]").code == 0
    entries = list(records(cli.multirun / "s").values())
    for trial in trials(cli):
        mine = [e["metrics"]["val_accuracy"] for e in entries if e["config"]["lr"] == trial.params["lr"]]
        assert len(mine) == 3
        assert trial.value == pytest.approx(sum(mine) / 3)
        assert sorted(trial.user_attrs["seeds"]) == ["0", "1", "4"]
        assert sorted(trial.user_attrs["seeds"].values()) == sorted(mine)
        assert trial.user_attrs["std"] > 0
        assert len(trial.intermediate_values) == 2


def test_wilcoxon_prunes_across_seeds(cli: Cli) -> None:
    shown = search(
        cli, 4, "hydra/sweeper/pruner=wilcoxon", "hydra.sweeper.seeds=[0,1,2,3,4,5]", "hydra.launcher.lanes=1",
        space=("lr=0.1,0.0001,0.0002,0.0003",),
    )  # fmt: skip
    assert shown.code == 0, shown.err
    states = {trial.params["lr"]: (trial.state, len(trial.intermediate_values)) for trial in trials(cli)}
    assert states[0.1] == (COMPLETE, 6)
    assert all(trial.state in (COMPLETE, PRUNED) for trial in trials(cli))


def test_a_run_that_diverges_is_told_as_the_worst_value(cli: Cli) -> None:
    shown = search(cli, 2, space=("lr=0.1,1e30",))
    assert shown.code == 0, shown.err
    found = {trial.params["lr"]: trial for trial in trials(cli)}
    assert (found[1e30].state, found[1e30].value, found[1e30].user_attrs["diverged"]) == (
        COMPLETE,
        0.0,
        [0],
    )
    assert found[0.1].value is not None
    assert found[0.1].value > 0


def test_several_objectives(cli: Cli) -> None:
    shown = search(cli, 3, "hydra.sweeper.objective=[val_accuracy,seconds,parameters]", "architecture.depth=1,2")
    assert shown.code == 0, shown.err
    for trial in trials(cli):
        accuracy, seconds, parameters = trial.values
        assert 0 < accuracy < 1
        assert seconds > 0
        assert parameters == {1: 64 * 8 + 8 + 90, 2: 64 * 8 + 8 + 72 + 90}[int(trial.params["architecture.depth"])]


def test_the_same_command_goes_on_up_to_n_trials_without_repeating_a_point(cli: Cli, trained: list[LaneSpec]) -> None:
    search(cli, 5)
    assert search(cli, 5).code == 0
    assert len(trained) == 5
    assert search(cli, 8).code == 0
    assert len(trained) == len({run.lr for run in trained}) == 8
    assert [trial.number for trial in trials(cli)] == list(range(8))
    shown = search(cli, 7)
    assert (shown.code, shown.err) == (
        2,
        "error: hydra.sweeper.n_trials=7: must be at least the 8 that s has already\n",
    )


def test_the_same_seed_gives_the_same_search(cli: Cli) -> None:
    arguments = ("hydra/sweeper/sampler=tpe", "hydra.launcher.lanes=3")
    search(cli, 15, *arguments, name="one")
    search(cli, 15, *arguments, name="two")
    one, two = ([(t.params, t.value, t.state) for t in trials(cli, name)] for name in ("one", "two"))
    assert one == two


def test_points_that_are_few_are_not_tried_twice(cli: Cli) -> None:
    shown = search(cli, 30, space=("optimizer=sgd,adam", "lr=0.1,0.01"))
    assert shown.code == 0, shown.err
    assert len(trials(cli)) == 4
    assert "stopped: every point that the sampler finds has been tried" in shown.out


def break_seed(monkeypatch: pytest.MonkeyPatch, broken: Any) -> None:
    original = trainer.new_lane

    def enter(index: int, run: LaneSpec, program: Any) -> Any:
        if broken(run):
            raise MemoryError("no memory for this one")
        return original(index, run, program)

    monkeypatch.setattr(trainer, "new_lane", enter)


def test_a_trial_that_fails_costs_one_trial(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    break_seed(monkeypatch, lambda run: run.lr == 0.3)
    shown = search(cli, 3, space=("lr=0.1,0.2,0.3",))
    assert shown.code == 1
    states = {trial.params["lr"]: trial for trial in trials(cli)}
    assert states[0.3].state is FAIL
    assert states[0.3].user_attrs["reason"] == "no memory for this one"
    assert [states[lr].state for lr in (0.1, 0.2)] == [COMPLETE, COMPLETE]
    monkeypatch.undo()
    assert search(cli, 3, "hydra.sweeper.retry_failed=1", space=("lr=0.1,0.2,0.3",)).code == 0
    assert {trial.params["lr"] for trial in trials(cli) if trial.state is COMPLETE} == {0.1, 0.2, 0.3}


def test_a_failed_trial_is_tried_again_as_often_as_asked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    break_seed(monkeypatch, lambda run: run.lr == 0.3)
    assert search(cli, 2, "hydra.sweeper.retry_failed=2", space=("lr=0.1,0.3",)).code == 1
    assert [trial.state for trial in trials(cli) if trial.params["lr"] == 0.3] == [FAIL] * 3


def test_too_many_failures_end_the_search(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    break_seed(monkeypatch, lambda run: True)
    shown = search(cli, 20, "hydra.sweeper.max_failure_rate=0.1", "hydra.launcher.lanes=1")
    assert shown.code == 1
    assert len(trials(cli)) == 3
    assert "stopped: 3 of 3 trials failed, more than max_failure_rate allows" in shown.out


def test_a_search_that_is_out_of_time_begins_nothing_more(cli: Cli) -> None:
    shown = search(cli, 20, "hydra.sweeper.timeout=0.0001", "hydra.launcher.lanes=2")
    assert shown.code == 0
    assert len(trials(cli)) <= 2
    assert "stopped: timeout=0.0001 s is over" in shown.out


def test_known_points_come_first(cli: Cli) -> None:
    search(cli, 3, "hydra.sweeper.enqueue=[{optimizer: adam, lr: 0.0123}]")
    assert trials(cli)[0].params == {"optimizer": "adam", "lr": 0.0123}
    assert len(trials(cli)) == 3


@pytest.mark.parametrize("launcher", ["basic", pytest.param("joblib", marks=pytest.mark.slow)])
def test_other_launchers_run_the_same_search_in_batches(cli: Cli, launcher: str) -> None:
    shown = search(cli, 5, f"hydra/launcher={launcher}", "hydra.sweeper.seeds=[0,1]", name="batches")
    assert shown.code == 0, shown.err
    search(cli, 5, "hydra.sweeper.seeds=[0,1]", name="stream")
    batches, stream = by_point(trials(cli, "batches")), by_point(trials(cli, "stream"))
    assert len(batches) == 5
    assert set(batches) == set(stream)
    for point, trial in batches.items():
        assert trial.value == pytest.approx(stream[point].value, abs=0.02)  # joblib's have another number of threads
        assert len(trial.intermediate_values) == 2


def test_a_job_of_another_launcher_is_pruned_through_the_storage(cli: Cli) -> None:
    shown = search(
        cli, 6, "hydra/launcher=basic", "hydra/sweeper/pruner=threshold", "hydra.sweeper.pruner.lower=0.2", "epochs=3"
    )
    assert shown.code == 0, shown.err
    found, entries = trials(cli), list(records(cli.multirun / "s").values())
    assert {trial.state for trial in found} == {COMPLETE, PRUNED}
    assert sorted(e["status"] == "pruned" for e in entries) == sorted(t.state is PRUNED for t in found)
    assert all(not line.startswith("trial=") for entry in entries for line in entry["overrides"])


BAD = [
    (["lr=0.1"], "hydra.sweeper.params: no parameter to search"),
    (["lr=interval(1,0.1)"], "lr=interval(1,0.1): must have its lower end first"),
    (["lr=tag(log,interval(0,1))"], "lr=tag(log,interval(0,1)): must be above 0 for a log scale"),
    (["lr=0.1,0.2", "seed=range(3)"], "seed: cannot be searched"),
    (["lr=0.1,0.2", "seed=1", "hydra.sweeper.seeds=[0,1]"], "seed=1: hydra.sweeper.seeds=[0, 1] says on which"),
    (["lr=0.1,0.2", "hydra.sweeper.seeds=[0,0]"], "hydra.sweeper.seeds=[0, 0]: must be different whole numbers"),
    (["lr=0.1,0.2", "hydra.sweeper.seeds=[0.5]"], "hydra.sweeper.seeds=[0.5]: must be different whole numbers"),
    (["lr=0.1,0.2", "hydra.sweeper.seeds=[0,1.0]"], "hydra.sweeper.seeds=[0, 1.0]: must be different whole numbers"),
    (["lr=0.1,-1"], "lr=-1.0: must be a number above 0"),
    (["lr=0.1,0.2", "hydra/sweeper/pruner=threshold"], "hydra/sweeper/pruner: ThresholdPruner refuses its settings: "),
    (
        ["lr=0.1,0.2", "hydra/sweeper/pruner=hyperband", "hydra.sweeper.pruner.min_resource=0"],
        "hydra/sweeper/pruner: HyperbandPruner refuses its settings: ",
    ),
    (
        ["lr=0.1,0.2", "hydra/sweeper/pruner=synchronous_halving", "hydra.sweeper.pruner.reduction_factor=1"],
        "hydra.sweeper.pruner.reduction_factor=1: must be at least 2",
    ),
    (
        ["lr=0.1,0.2", "hydra.sweeper.pruner.cohort=27", "hydra/sweeper/pruner=one_epoch", "hydra.sweeper.seeds=[0,1]"],
        "hydra.sweeper.pruner.cohort=27: on 2 seeds a cohort takes 54 lanes; raise hydra.launcher.lanes=48",
    ),
    (
        ["lr=0.1,0.2", "hydra/sweeper/pruner=one_epoch", "hydra.launcher.lanes=4", "hydra.sweeper.seeds=[0,1,2]"],
        "hydra.launcher.lanes=4: must be at least 6, for 2 trials that OneEpochPruner compares on 3 seeds",
    ),
    (
        ["lr=0.1,0.2", "hydra/sweeper/pruner=hyperband", "hydra.sweeper.pruner.min_resource=5"],
        "hydra.sweeper.pruner.min_resource=5: must be at most 2, the epochs",
    ),
    (
        ["lr=0.1,0.2", "hydra/sweeper/pruner=hyperband", "hydra.sweeper.pruner.reduction_factor=1"],
        "hydra.sweeper.pruner.reduction_factor=1: must be at least 2",
    ),
    (
        ["lr=0.1,0.2", "hydra/sweeper/pruner=median", "hydra.sweeper.pruner.n_startup_trials=abc"],
        "hydra.sweeper.pruner.n_startup_trials=abc: must be a number",
    ),
    (
        ["lr=0.1,0.2", "hydra/sweeper/pruner=patient", "hydra.sweeper.pruner.wrapped_pruner=foo"],
        "hydra.sweeper.pruner.wrapped_pruner=foo: must be a pruner itself",
    ),
    (
        ["lr=0.1,0.2", "hydra/sweeper/sampler=cmaes", "hydra.sweeper.objective=[val_accuracy,seconds]"],
        "hydra/sweeper/sampler: CmaEsSampler: ValueError: ",
    ),
    (
        ["lr=interval(0.1,0.2)", "hydra/sweeper/sampler=cmaes", "hydra.sweeper.sampler.popsize=1"],
        "hydra/sweeper/sampler: CmaEsSampler: AssertionError: ",
    ),
    (
        ["lr=interval(0.1,0.2)", "hydra/sweeper/sampler=tpe", "hydra.sweeper.sampler.n_ei_candidates=0"],
        "hydra/sweeper/sampler: TPESampler: ValueError: ",
    ),
    (["lr=0.1,0.2", "hydra/sweeper/pruner=wilcoxon"], "hydra/sweeper/pruner=wilcoxon: compares seeds and has 1"),
    (
        ["lr=0.1,0.2", "hydra.sweeper.objective=[val_accuracy,seconds]", "hydra/sweeper/pruner=median"],
        "hydra/sweeper/pruner: MedianPruner cannot judge 2 objectives",
    ),
    (["lr=0.1,0.2", "hydra.sweeper.objective=speed"], "hydra.sweeper.objective=['speed']: must be one or several of"),
    (["lr=0.1,0.2", "hydra.sweeper.direction=up"], "hydra.sweeper.direction=up: must be minimize or maximize"),
    (["lr=0.1,0.2", "hydra/sweeper/sampler=grid"], "hydra/sweeper/sampler=grid: a grid needs no sampler"),
    (["lr=0.1,0.2", "hydra/sweeper/sampler=auto"], "hydra/sweeper/sampler: auto_sampler: needs a package"),
    (["lr=0.1,0.2", "hydra.sweeper.storage=5"], "hydra.sweeper.storage=***: cannot be used"),
    (["lr=0.1,0.2", "hydra.sweeper.storage=foo"], "hydra.sweeper.storage=***: cannot be used"),
    (["lr=0.1,0.2", "hydra.sweeper.storage='sqlite:////dev/null/x.db'"], "hydra.sweeper.storage=sqlite:////dev/null"),
    (
        ["lr=0.1,0.2", "hydra.sweeper.storage='postgresql+psycopg://u:secret@127.0.0.1:1/x'"],
        "hydra.sweeper.storage=postgresql+psycopg://u:***@127.0.0.1:1/x: cannot be used",
    ),
    (["lr=0.1,0.2", "hydra.sweeper.enqueue=[{lr: 0.7}]"], "hydra.sweeper.enqueue: lr=0.7: must be 0.1, 0.2"),
    (["lr=0.1,0.2", "hydra.sweeper.enqueue=[{lr: nan}]"], "hydra.sweeper.enqueue: lr=nan: must be 0.1, 0.2"),
    (["lr=interval(0.1,0.2)", "hydra.sweeper.enqueue=[{lr: nan}]"], "hydra.sweeper.enqueue: lr=nan: must be 0.1 to"),
    (["lr=0.1,0.2", "hydra.sweeper.enqueue=[3]"], "hydra.sweeper.enqueue: 3: must be a point, as {lr: 0.1}"),
    (["lr=0.1,0.2", "hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials=0: must be at least 1"),
    (["lr=0.1,0.2", "hydra.sweeper.n_jobs=0"], "hydra.sweeper.n_jobs=0: must be at least 1"),
    (["lr=0.1,0.2", "hydra.sweeper.timeout=0"], "hydra.sweeper.timeout=0.0: must be seconds above 0"),
    (["lr=0.1,0.2", "hydra.sweeper.retry_failed=-1"], "hydra.sweeper.retry_failed=-1: must be at least 0"),
    (["lr=0.1,0.2", "hydra.sweeper.max_failure_rate=2"], "hydra.sweeper.max_failure_rate=2.0: must be between 0 and 1"),
    (
        ["lr=0.1,0.2", "hydra.sweeper.custom_search_space=nowhere.f"],
        "hydra.sweeper.custom_search_space=nowhere.f: must be module.function",
    ),
    (["lr=0.1,0.2", "hydra.sweeper.custom_search_space=os.name"], "hydra.sweeper.custom_search_space=os.name: must be"),
    (
        ["lr=0.1,0.2", "hydra.sweeper.custom_search_space=os.getcwd"],
        "hydra.sweeper.custom_search_space=os.getcwd: TypeError: ",
    ),
    (["lr=interval(-1,-0.5)"], "lr=-1.0: must be a number above 0"),
]


@pytest.mark.parametrize(("arguments", "line"), BAD, ids=[line[:50] for _, line in BAD])
def test_wrong_usage_is_one_line_and_nothing_is_begun(cli: Cli, arguments: list[str], line: str) -> None:
    for plan in ((), ("plan=true",)):
        shown = cli(*SEARCH, "name=bad", *arguments, *plan)
        if plan and "sqlite" in line:  # a plan does not make the file
            continue
        assert shown.code == 2, shown.err
        assert shown.err.startswith(f"error: {line}")
        assert shown.err.count("\n") == 1
        assert "secret" not in shown.err + shown.out
        assert not (cli.multirun / "bad").exists()
        assert not (cli.multirun / "hpsearch.db").exists()


@pytest.mark.parametrize(
    ("arguments", "other"),
    [
        (["lr=tag(log, interval(0.001, 0.5))"], "space: optimizer  sgd, adam; lr  0.001 to 0.3 (log);"),
        (["epochs=3"], "epochs: 2;"),
        (["architecture.depth=1"], "architecture.depth: 2;"),
        (["hydra.sweeper.seeds=[0,1]"], "seeds: 0;"),
        (["hydra.sweeper.direction=minimize"], "direction: maximize;"),
        (["hydra.sweeper.objective=val_loss"], "objective: val_accuracy;"),
    ],
)
def test_a_study_is_not_mixed_with_another_search(cli: Cli, arguments: list[str], other: str) -> None:
    search(cli, 2)
    before = (cli.multirun / "s" / "multirun.yaml").read_text()
    for plan in ((), ("plan=true",)):
        shown = search(cli, 4, *arguments, *plan)
        assert shown.code == 2
        assert shown.err.startswith(f"error: the study s was made with another {other}")
        assert shown.err.count("\n") == 1
    assert len(trials(cli)) == 2
    assert (cli.multirun / "s" / "multirun.yaml").read_text() == before


def test_a_plan_says_what_would_run_and_starts_nothing(cli: Cli) -> None:
    shown = search(cli, 10, "plan=true", "hydra.sweeper.seeds=[0,1]")
    assert shown.code == 0, shown.err
    assert "  lr  0.001 to 0.3 (log)\n10 trials on 2 seeds (0, 1), 0 in the study already" in shown.out
    assert "to be run: 20 runs\nabout " in shown.out
    grid = cli("-m", *TINY, "plan=true", "lr=0.1,0.01,0.1", "seed=0,1", "hydra/launcher=basic")
    assert grid.code == 0, grid.err
    assert "6 jobs: 2 configurations, 2 seeds (0, 1)\n2 asked for twice, 0 finished already" in grid.out
    assert cli(*TINY, "plan=true").code == 0
    assert os.listdir(cli.folder) == []
    search(cli, 2)
    assert ", 2 in the study already" in search(cli, 3, "plan=true").out


def test_the_summary_is_for_programs_and_the_best_runs_again(cli: Cli) -> None:
    search(cli, 4, "hydra.sweeper.seeds=[0,1]", "confirm=0")
    summary = json.loads((cli.multirun / "s" / "summary.json").read_text())
    best = max(trials(cli), key=lambda trial: trial.value or 0)
    (found,) = summary["best"]
    assert found["value"] == pytest.approx(best.value)
    assert (found["n"], found["std"]) == (2, pytest.approx(best.user_attrs["std"]))
    assert summary["runs"] == {"finished": 8, "pruned": 0, "diverged": 0, "failed": 0, "missing": 0}
    shown = cli("--config-dir", str(cli.multirun / "s"), "--config-name", "best", "report=false")
    assert shown.code == 0, shown.err
    (again,) = records(cli.multirun / "s-best").values()
    first = next(e for e in records(cli.multirun / "s").values() if e["key"] == again["key"])
    assert again["metrics"] == first["metrics"]
    assert cli(*again["overrides"], "name=alone", "report=false").code == 0
    (alone,) = records(cli.multirun / "alone").values()
    assert alone["metrics"] == again["metrics"]


def test_a_trials_own_command_is_a_grid_of_its_point(cli: Cli) -> None:
    small = ("architecture.width=8", "epochs=2", "report=false")
    shown = cli("-m", "search=quick", *small, "hydra.sweeper.n_trials=2", "hydra/sweeper/pruner=none", "confirm=2")
    assert shown.code == 0, shown.err
    (found,) = json.loads((cli.multirun / "quick" / "summary.json").read_text())["best"]
    fresh = records(cli.multirun / "quick" / "confirm")
    assert [entry["config"]["seed"] for entry in fresh.values()] == [3, 4]
    assert "Run again on 2 fresh seeds, " in shown.out
    *command, seeds = shlex.split(found["command"])[3:]
    assert seeds == "seed=0,1,2"
    more = cli(*command, "seed=range(5)")
    assert more.code == 0, more.err
    assert "3 of 5 runs are already in " in more.out
    assert len(records(cli.multirun / "quick")) == 2 * 3 + 2
    assert len(trials(cli, "quick")) == 2


def also_dropout(config: DictConfig, trial: optuna.Trial) -> None:
    """A search space in Python."""
    trial.suggest_float("dropout.p", 0.0, 0.1 * config.epochs)


@pytest.mark.parametrize("space", [(), ("lr=0.1,0.2",)])
def test_a_space_in_python_is_searched_too(cli: Cli, space: tuple[str, ...]) -> None:
    function = f"hydra.sweeper.custom_search_space={__name__}.also_dropout"
    shown = search(cli, 3, function, space=space)
    assert shown.code == 0, shown.err
    assert {tuple(trial.params) for trial in trials(cli)} == {
        (*(line.partition("=")[0] for line in space), "dropout.p")
    }
    assert len({entry["config"]["dropout"]["p"] for entry in records(cli.multirun / "s").values()}) == 3


def breaks_in_the_search(config: DictConfig, trial: optuna.Trial) -> None:
    """It does well as long as it is only tried."""
    if trial.number == 11:
        raise KeyError("nothing here")
    trial.suggest_float("dropout.p", 0.0, 0.1)


def test_a_space_in_python_that_breaks_later_costs_no_run(cli: Cli) -> None:
    path = f"{__name__}.breaks_in_the_search"
    shown = search(cli, 20, f"hydra.sweeper.custom_search_space={path}", "hydra.launcher.lanes=1")
    assert shown.code == 1
    assert shown.err == (
        f"error: hydra.sweeper.custom_search_space={path}: KeyError: 'nothing here'; runs with a record are kept, the "
        "same command goes on from there\n"
    )
    assert len(records(cli.multirun / "s")) == len(trials(cli)) == 11


def test_a_storage_that_fails_costs_no_run_and_the_same_command_goes_on(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "BUSY_SECONDS", 0.1)
    locks: list[sqlite3.Connection] = []

    def lock(run: LaneSpec) -> bool:
        if len(list(cli.multirun.glob("s/*/record.json"))) == 3 and not locks:
            locks.append(sqlite3.connect(cli.multirun / "hpsearch.db", isolation_level=None))
            locks[0].execute("BEGIN IMMEDIATE")
        return False

    with monkeypatch.context() as patch:
        break_seed(patch, lock)
        shown = search(cli, 8, "hydra.launcher.lanes=1")
    assert shown.code == 1
    assert shown.err == (
        "error: hydra.sweeper.storage=sqlite:///multirun/hpsearch.db: cannot be used: database is locked; runs with a "
        "record are kept, the same command goes on from there\n"
    )
    locks[0].close()
    kept = records(cli.multirun / "s")
    assert len(kept) >= 3
    assert "validation" in shown.out
    assert search(cli, 8, "hydra.launcher.lanes=1").code == 0
    assert sum(trial.state is COMPLETE for trial in trials(cli)) == 8
    assert {name: entry for name, entry in records(cli.multirun / "s").items() if name in kept} == kept


def test_failures_are_listed_with_their_reasons(cli: Cli) -> None:
    cli("-m", *TINY, "name=wild", "lr=0.1,1e30")
    summary = json.loads((cli.multirun / "wild" / "summary.json").read_text())
    (failure,) = summary["failures"]
    assert failure["status"] == "diverged"
    assert "loss is" in failure["reason"]
    assert summary["runs"]["diverged"] == 1


def test_a_grid_is_a_study_too(cli: Cli) -> None:
    command = ("-m", *TINY[:-1], "name=grid", "optimizer=sgd,adam", "lr=0.1,0.01")
    assert cli(*command, "seed=0").code == 0
    assert cli(*command, "seed=0,1").code == 0
    found = trials(cli, "grid")
    assert len(found) == 4
    entries = list(records(cli.multirun / "grid").values())
    for trial in found:
        mine = [
            e for e in entries
            if (e["config"]["optimizer"]["name"], e["config"]["lr"]) == (trial.params["optimizer"], trial.params["lr"])
        ]  # fmt: skip
        assert trial.value == pytest.approx(sum(e["metrics"]["val_accuracy"] for e in mine) / 2)
        assert trial.user_attrs["std"] >= 0
        assert len(trial.intermediate_values) == 2
    pictures = len(list((cli.multirun / "grid" / "report").glob("*.png")))
    storage = optuna.storages.RDBStorage(f"sqlite:///{cli.multirun / 'hpsearch.db'}")
    study = optuna.load_study(study_name="grid", storage=storage)
    assert study.metric_names == ["val_accuracy"]
    attributes = storage.get_study_system_attrs(study._study_id)
    storage.engine.dispose()
    assert sum(key.startswith("artifacts:") for key in attributes) == pictures
    note = "".join(str(value) for key, value in attributes.items() if key.startswith("dashboard:note_str"))
    assert "python -m hpsearch -m" in note


def test_optunas_stock_sweeper_works_with_this_task(cli: Cli) -> None:
    shown = cli(
        "-m", *TINY, *SPACE, "name=stock", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.direction=maximize", "hydra.sweeper.sampler.seed=0",
    )  # fmt: skip
    assert shown.code == 0, shown.err
    assert len(records(cli.multirun / "stock")) == 4
    assert (cli.multirun / "stock" / "optimization_results.yaml").exists()


@pytest.mark.parametrize("name", sorted(file.stem for file in (CONF / "search").iterdir()))
def test_every_search_of_conf_runs(cli: Cli, name: str) -> None:
    shown = cli(
        "-m", f"search={name}", "data=digits", "epochs=1", "batch_size=256", "architecture.width=8,9", "confirm=0",
        "report=false", "hydra.sweeper.n_trials=3",
    )  # fmt: skip
    assert shown.code == 0, shown.err
    (sweep,) = (path for path in cli.multirun.iterdir() if path.is_dir())
    assert run_folders(sweep)
    parameters = {key for trial in trials(cli, sweep.name) for key in trial.params}
    assert {
        "optimizer", "lr", "optimizer.weight_decay", "dropout.p", "architecture.width", "architecture.depth", "init",
        "normalization", "schedule",
    } <= parameters  # fmt: skip
