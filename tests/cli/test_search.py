"""Searches as a user types them."""

import json
import os
import shlex
import sqlite3

import optuna
import pytest
from optuna.trial import FrozenTrial

from hpsearch.cli import publish
from hpsearch.cli.program import CONF
from hpsearch.engine.spec import LaneSpec
from hpsearch.record.folders import run_folders
from hpsearch.report import analysis, write
from hpsearch.search import storage
from hpsearch.workers import pool
from tests.cli import TINY, Cli, Shown, records
from tests.searching import COMPLETE, PRUNED, SEARCH, SPACE, by_point, trials_of
from tests.task.test_train import break_runs


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


def test_the_same_command_goes_on_up_to_n_trials_and_a_study_is_not_mixed(cli: Cli, trained: list[LaneSpec]) -> None:
    search(cli, 3)
    assert search(cli, 5).code == 0
    assert len(trained) == len({run.lr for run in trained}) == 5
    before = (cli.multirun / "s" / "multirun.yaml").read_text()
    shown = search(cli, 4)
    assert (shown.code, shown.err) == (
        2,
        "error: hydra.sweeper.n_trials=4: must be at least the 5 that s has already\n",
    )
    for argument, other in (
        ("lr=tag(log, interval(0.001, 0.5))", "space: optimizer  sgd, adam; lr  0.001 to 0.3 (log);"),
        ("epochs=3", "epochs: 2;"),
    ):
        for plan in ((), ("plan=true",)):
            shown = search(cli, 8, argument, *plan)
            assert shown.code == 2
            assert shown.err.startswith(f"error: the study s was made with another {other}")
            assert shown.err.count("\n") == 1
    assert len(trials(cli)) == 5
    assert (cli.multirun / "s" / "multirun.yaml").read_text() == before


def test_failures_end_the_search_with_exit_code_1(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    break_runs(monkeypatch, lambda run: True)
    shown = search(cli, 20, "hydra.sweeper.max_failure_rate=0.1", "hydra.launcher.lanes=1")
    assert shown.code == 1
    assert "stopped: 3 of 3 trials failed, more than max_failure_rate allows" in shown.out
    assert shown.err.startswith("error: s: 3 of 3 trials failed (no memory for this one); hydra.sweeper.retry_failed=1")
    assert shown.err.count("\n") == 1
    assert {trial.user_attrs["reason"] for trial in trials(cli)} == {"no memory for this one"}


def test_wrong_usage_is_one_line_and_nothing_begins(cli: Cli) -> None:
    for arguments, line in (
        (["lr=interval(1,0.1)"], "lr=interval(1,0.1): must have its lower end first"),
        (["lr=0.1,-1"], "lr=-1.0: must be a number above 0"),
        (["lr=interval(-1,-0.5)"], "lr=-1.0: must be a number above 0"),  # both ends are wrong: one is named
        (["lr=0.1,0.2", "hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials=0: must be at least 1"),
        (
            ["lr=0.1,0.2", "hydra.sweeper.storage='postgresql+psycopg://u:secret@127.0.0.1:1/x'"],
            "hydra.sweeper.storage=postgresql+psycopg://u:***@127.0.0.1:1/x: cannot be used",
        ),
    ):
        for plan in ((), ("plan=true",)):
            shown = cli(*SEARCH, "name=bad", *arguments, *plan)
            assert shown.code == 2, shown.err
            assert shown.err.startswith(f"error: {line}")
            assert shown.err.count("\n") == 1
            assert "secret" not in shown.err + shown.out
            assert os.listdir(cli.folder) == []


OTHERS = ["median", "one_epoch", "successive_halving", "hyperband"]


@pytest.mark.parametrize("pruner", ["synchronous_halving", *(pytest.param(o, marks=pytest.mark.slow) for o in OTHERS)])
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


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", pytest.param("joblib", marks=pytest.mark.long)])
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


@pytest.mark.long
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


@pytest.mark.slow
def test_a_space_in_python_is_searched_too(cli: Cli) -> None:
    shown = search(cli, 3, "hydra.sweeper.custom_search_space=tests.search.test_driver.also_dropout", space=())
    assert shown.code == 0, shown.err
    assert {tuple(trial.params) for trial in trials(cli)} == {("dropout.p",)}
    assert len({entry["config"]["dropout"]["p"] for entry in records(cli.multirun / "s").values()}) == 3


def test_a_storage_that_fails_costs_no_run_and_the_same_command_goes_on(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr(pool, "processes", lambda runs: 0)  # this one trains, and locks
    locks: list[sqlite3.Connection] = []

    def lock(run: LaneSpec) -> bool:
        if len(list(cli.multirun.glob("s/*/record.json"))) == 3 and not locks:
            locks.append(sqlite3.connect(cli.multirun / "hpsearch.db", isolation_level=None))
            locks[0].execute("BEGIN IMMEDIATE")
        return False

    with monkeypatch.context() as patch:
        break_runs(patch, lock)
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


@pytest.mark.parametrize("earlier", [(), pytest.param(("seed=0",), marks=pytest.mark.slow)])
def test_a_grid_ends_with_its_report_and_is_a_study_too(cli: Cli, earlier: tuple[str, ...]) -> None:
    command = ("-m", *TINY[:-1], "name=grid", "optimizer=sgd,adam", "lr=0.1,0.01")
    if earlier:
        assert cli(*command, *earlier).code == 0
    shown = cli(*command, "seed=0,1")
    assert shown.code == 0
    assert shown.out.endswith("report: multirun/grid/report/index.html\nin the browser: python -m hpsearch.dashboard\n")
    assert (cli.multirun / "grid" / "report" / "index.html").exists()
    assert not list((cli.multirun / "grid" / "report").glob("*.png"))
    judged = analysis.read([cli.multirun / "grid"])
    write.write(judged, cli.multirun / "grid" / "report", figures=True)
    assert publish.enter(cli.multirun) == []
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
    attributes = storage.get_study_system_attrs(storage.get_study_id_from_name("grid"))
    storage.engine.dispose()
    assert sum(key.startswith("artifacts:") for key in attributes) == pictures
    note = "".join(str(value) for key, value in attributes.items() if key.startswith("dashboard:note_str"))
    assert "python -m hpsearch -m" in note


@pytest.mark.slow
def test_a_search_gets_optunas_figures(cli: Cli) -> None:
    values = "optimizer=choice(sgd,adam)", "lr=tag(log,interval(0.001,0.5))", "dropout.p=interval(0.0,0.5)"
    trials = "hydra.sweeper.n_trials=6", "hydra.sweeper.sampler.seed=0"
    small = "data=digits", "architecture.width=8", "batch_size=256", "epochs=2", "name=search"
    shown = cli("-m", "hydra/sweeper=optuna", *trials, *small, *values)
    assert shown.code == 0, shown.err
    write.write(analysis.read([cli.multirun / "search"]), cli.multirun / "search" / "report", figures=True)
    written = {file.stem for file in (cli.multirun / "search" / "report").glob("*.pdf")}
    assert {"history", "parallel", "importances", "slice_lr", "slice_dropout.p"} <= written


@pytest.mark.slow
def test_optunas_stock_sweeper_works_with_this_task(cli: Cli) -> None:
    shown = cli(
        "-m", *TINY, *SPACE, "name=stock", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.direction=maximize", "hydra.sweeper.sampler.seed=0",
    )  # fmt: skip
    assert shown.code == 0, shown.err
    assert len(records(cli.multirun / "stock")) == 4
    assert (cli.multirun / "stock" / "optimization_results.yaml").exists()


@pytest.mark.slow
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
