"""The command line as a user types it."""

import os
from pathlib import Path

import pytest
import torch
from hydra.errors import ConfigCompositionException

from hpsearch.engine.spec import LaneSpec
from tests.cli import TINY, Cli, records, rows
from tests.tables import penguins, written
from tests.task.test_train import break_runs


def test_a_single_run_leaves_a_record_that_says_everything(cli: Cli) -> None:
    shown = cli(*TINY, "name=one", "optimizer=adam", "seed=3")
    assert shown.code == 0, shown.err
    ((folder, entry),) = records(cli.multirun / "one").items()
    assert folder == f"000_{entry['key'][:8]}"
    assert entry["schema"] == 2
    assert (entry["status"], entry["reason"]) == ("finished", None)
    groups = ["data", "architecture", "optimizer", "init", "dropout", "normalization", "schedule"]
    assert list(entry["config"])[:7] == groups
    assert all(next(iter(entry["config"][group])) == "name" for group in groups)
    assert (entry["config"]["lr"], entry["config"]["seed"], entry["config"]["epochs"]) == (0.001, 3, 2)
    assert entry["overrides"] == [*TINY, "name=one", "optimizer=adam", "seed=3"]
    assert {name: len(values) for name, values in entry["history"].items()} == {
        "train_loss": 2, "val_loss": 2, "val_accuracy": 2,
    }  # fmt: skip
    assert entry["metrics"]["val_accuracy"] == entry["history"]["val_accuracy"][-1]
    assert entry["metrics"]["test_accuracy"] == sum(entry["test_batches"]["correct"]) / 180
    assert entry["test_batches"] == {"size": 256, "correct": entry["test_batches"]["correct"], "total": [180]}
    assert entry["lanes"] == 1
    assert entry["parameters"] == (64 + 1) * 8 + (8 + 1) * 8 + (8 + 1) * 10
    assert entry["seconds"] > 0
    assert entry["environment"]["versions"]["torch"] == torch.__version__
    assert f"test {entry['metrics']['test_accuracy']:.2%}" in shown.out
    path = cli.multirun / "one" / folder
    assert sorted(os.listdir(path / ".hydra")) == ["config.yaml", "hydra.yaml", "overrides.yaml"]


def test_a_grid_is_one_stack_and_each_job_has_folder_record_and_row(cli: Cli) -> None:
    shown = cli("-m", *TINY, "name=grid", "optimizer=sgd,adam,rmsprop", "lr=0.1,0.01,0.001", "seed=0,1")
    assert shown.code == 0, shown.err
    found = records(cli.multirun / "grid")
    assert [int(name[:3]) for name in found] == list(range(18))
    assert {entry["lanes"] for entry in found.values()} == {18}
    assert (cli.multirun / "grid" / "multirun.yaml").exists()
    table = rows(cli.multirun / "grid")
    assert list(table[0])[:6] == ["number", "key", "status", "seed", "optimizer", "lr"]
    assert [(row["optimizer"], float(row["lr"]), int(row["seed"])) for row in table] == [
        (entry["config"]["optimizer"]["name"], entry["config"]["lr"], entry["config"]["seed"])
        for entry in found.values()
    ]
    assert "0.001 │" in shown.out
    assert "18 runs of 9 configurations, " in shown.out
    assert shown.out.rstrip().endswith("a row per run: multirun/grid/runs.csv")
    assert not (cli.multirun / "grid" / "report").exists()


def test_the_same_command_again_trains_nothing_and_more_seeds_only_the_new(cli: Cli, trained: list[LaneSpec]) -> None:
    command = ("-m", *TINY, "name=grow", "lr=0.1,0.01")
    first = cli(*command, "seed=0,1")
    before = {path: path.stat().st_mtime_ns for path in (cli.multirun / "grow").glob("*/record.json")}
    again = cli(*command, "seed=0,1")
    assert [run.seed for run in trained] == [0, 1, 0, 1]
    assert "4 of 4 runs are already in multirun/grow" in again.out
    table = first.out.index("grow: accuracy")
    assert first.out[table:].splitlines()[:8] == again.out.splitlines()[1:9]
    assert cli(*command, "seed=0,1", "epochs=0").code == 2  # a fault leaves the runs that are there
    assert cli(*command, "seed=0,1,2").code == 0
    assert [run.seed for run in trained[4:]] == [2, 2]
    assert len(before) == 4
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    assert sorted(int(name[:3]) for name in records(cli.multirun / "grow")) == list(range(6))
    assert len(rows(cli.multirun / "grow")) == 6


def test_an_exception_costs_one_run_and_the_same_command_tries_it_again(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("-m", *TINY, "name=one_bad", "seed=range(5)")
    with monkeypatch.context() as patch:
        break_runs(patch, lambda run: run.seed == 2)
        shown = cli(*command)
    assert shown.code == 1
    assert "no memory for this one" in shown.err
    found = list(records(cli.multirun / "one_bad").values())
    assert [entry["status"] for entry in found] == ["finished", "finished", "failed", "finished", "finished"]
    assert found[2]["reason"] == "MemoryError: no memory for this one"
    assert "4/5" in shown.out
    assert cli(*command).code == 0
    assert {entry["status"] for entry in records(cli.multirun / "one_bad").values()} == {"finished"}


def test_bad_input_is_one_line_and_leaves_nothing(cli: Cli) -> None:
    for override, line in (
        ("lr=-1", "lr=-1.0: must be a number above 0"),
        ("name=a/b", "name=a/b: must be the name of a folder, of 1 to 200 bytes without /"),
        ("lrr=3", "lrr: Key 'lrr' not in 'Config'. Did you mean: 'lr'?"),
    ):
        for mode in ((), ("-m",)):
            shown = cli(*mode, *TINY, override)
            assert shown.code == 2, shown.err
            assert shown.err.startswith(f"error: {line}")
            assert shown.err.count("\n") == 1
            assert "Traceback" not in shown.out + shown.err
            assert os.listdir(cli.folder) == []


def test_every_fault_of_a_sweep_is_listed_at_once_before_anything_is_trained(cli: Cli) -> None:
    shown = cli("-m", *TINY, "lr=0.1,-1,nan", "seed=0,1", "batch_size=0,64", "name=x")
    assert shown.code == 2
    assert shown.err.splitlines() == [
        "error: batch_size=0: must be at least 1",
        "error: lr=-1.0: must be a number above 0",
        "error: lr=nan: must be a number above 0",
    ]
    for more in ((), ("plan=true",), ("hydra/sweeper=hpsearch", "lr=interval(0.1,0.2)")):
        shown = cli("-m", *TINY, "seed=3", "hydra.launcher.lanes=0", *more)
        assert (shown.code, shown.err) == (2, "error: hydra.launcher.lanes=0: must be at least 1\n")
    assert os.listdir(cli.folder) == []


def test_what_hydra_refuses_in_a_sweep_is_one_line_too(cli: Cli) -> None:
    for override, line in (
        ("optimizer=sgd,foo", "optimizer=foo: must be one of adam, adamw, rmsprop, sgd"),
        ("lr=0.1,abc", "lr=abc: Value 'abc' of type 'str' could not be converted to Float"),
        ("seed=0,1.5", "seed=1.5: Value '1.5' of type 'float' could not be converted to Integer"),
        ("lr=interval(0.1,0.2)", "lr=interval(0.1,0.2): is searched, not listed; add hydra/sweeper=hpsearch"),
        ("--config-name=nope", "Cannot find primary config 'nope'. Check that it's in your config search path."),
    ):
        shown = cli("-m", *TINY, override)
        assert shown.code == 2
        assert shown.err.startswith(f"error: {line}")
        assert shown.err.count("\n") == 1
        assert os.listdir(cli.folder) == []


def test_a_password_is_not_shown_whatever_is_wrong(cli: Cli) -> None:
    for arguments in (
        ("lr=interval(0.1)", "hydra.sweeper.storage='postgresql://u:secret@127.0.0.1:1/x'"),
        ("+hydra.sweeper.storage=postgresql://u:secret@127.0.0.1:1/x",),
    ):
        shown = cli("-m", *TINY, "hydra/sweeper=hpsearch", *arguments)
        assert shown.code == 2
        assert shown.err.count("\n") == 1
        assert "secret" not in shown.out + shown.err


def test_hydras_own_full_errors_stay(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ConfigCompositionException, match="Could not override 'lrr'"):
        cli(*TINY, "lrr=3")


def test_a_full_disk_is_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for mode in ((), ("-m",)):
        shown = cli(*mode, *TINY, "name=full")
        assert shown.code == 1
        assert "cannot be written (No space left on device)" in shown.err
        assert "Traceback" not in shown.err


@pytest.mark.slow
def test_the_winner_runs_again_on_seeds_that_the_sweep_did_not_use(cli: Cli) -> None:
    shown = cli("-m", *TINY, "name=again", "lr=0.1,0.5", "seed=0,1", "confirm=2", "hydra.launcher.lanes=1")
    assert shown.code == 0, shown.err
    found = list(records(cli.multirun / "again").values())
    best = max(
        found,
        key=lambda entry: sum(
            f["metrics"]["val_accuracy"] for f in found if f["config"]["lr"] == entry["config"]["lr"]
        ),
    )
    fresh = list(records(cli.multirun / "again" / "confirm").values())
    assert [entry["config"] for entry in fresh] == [best["config"] | {"seed": seed} for seed in (2, 3)]
    assert {entry["lanes"] for entry in fresh} == {1}
    assert f"Run again on 2 fresh seeds, lr={best['config']['lr']} reaches" in shown.out
    assert not (cli.multirun / "again" / "report").exists()


@pytest.mark.slow
def test_each_seeds_winner_is_trained_again_on_all_training_rows(cli: Cli, tmp_path: Path) -> None:
    table = written(tmp_path, penguins())
    shown = cli(
        *("-m", "data=table", f"data.path={table}", "split=uci", "batch_size=16", "epochs=2", "name=nested"),
        *("lr=0.001,0.1", "seed=range(3)", "retrain={split.validation:0}", "report=false"),
    )
    assert shown.code == 0, shown.err
    found = list(records(cli.multirun / "nested").values())
    again = list(records(cli.multirun / "nested" / "retrain").values())
    for record in again:
        seed, rows = record["config"]["seed"], record["config"]["split"]
        of_seed = [r for r in found if r["config"]["seed"] == seed]
        best = max(of_seed, key=lambda r: r["metrics"]["val_accuracy"])
        assert record["config"] == best["config"] | {"split": rows | {"validation": 0}}
    assert sorted(record["config"]["seed"] for record in again) == [0, 1, 2]
    assert "Each seed's winner, trained again" in shown.out


@pytest.mark.slow
def test_the_papers_nine_cells_train_in_one_stack_on_the_real_data(cli: Cli, real_data: Path) -> None:
    grid = "optimizer=sgd,adam,rmsprop", "lr=0.1,0.01,0.001"
    shown = cli("-m", *grid, "epochs=1", "architecture.width=32", "name=nine", f"data.root={real_data}")
    assert shown.code == 0, shown.err
    found = list(records(cli.multirun / "nine").values())
    assert {entry["lanes"] for entry in found} == {9}
    assert [len(entry["test_batches"]["total"]) for entry in found] == [40] * 9
    assert found[0]["test_batches"]["total"][-1] == 16
    adam = {entry["config"]["lr"]: entry for entry in found if entry["config"]["optimizer"]["name"] == "adam"}
    assert adam[0.001]["metrics"]["test_accuracy"] > 0.75
    assert adam[0.1]["metrics"]["test_accuracy"] < adam[0.001]["metrics"]["test_accuracy"]


def test_nets_and_classifiers_mix_in_one_sweep(cli: Cli) -> None:
    shown = cli(
        "-m", "data=digits", "architecture=mlp,svc,k_neighbors", "lr=0.1,0.2", "epochs=2", "name=mix", "report=false"
    )
    assert shown.code == 0, shown.err
    entries = list(records(cli.multirun / "mix").values())
    assert [(e["config"]["architecture"]["name"], e["status"], e["lanes"]) for e in entries] == [
        ("mlp", "finished", 2), ("mlp", "finished", 2), ("svc", "finished", 1), ("k_neighbors", "finished", 1),
    ]  # fmt: skip
    assert all(set(entry["config"]) == {"data", "architecture", "seed"} for entry in entries[2:])  # lr is no part of it
    assert "architecture=svc is best" in shown.out.replace("\n", " ")
    assert "4 runs of 4 configurations" in shown.out


def test_a_table_is_cross_validated(cli: Cli) -> None:
    penguins().assign(row=range(120)).to_csv(cli.folder / "penguins.csv", index=False)
    table = ("data=table", "data.path=penguins.csv", "data.target=species", "batch_size=16", "data.drop=[nest]")
    plan = cli("-m", *TINY, *table, "split=kfold", "lr=0.1,0.01", "plan=true")
    assert "penguins.csv: 120 rows; target species: classification, 3 classes " in plan.out
    assert "  categorical: island (3 values), sex (2 values, 12 missing)\n" in plan.out
    shown = cli("-m", *TINY, *table, "split=kfold", "lr=0.1,0.01", "name=folds")
    assert shown.code == 0
    assert shown.err.count("warning: data: the column row is different in every row") == 1
    found = list(records(cli.multirun / "folds").values())
    assert sorted((entry["config"]["lr"], entry["config"]["seed"]) for entry in found) == [
        (lr, seed) for lr in (0.01, 0.1) for seed in range(5)
    ]
    assert "over 5 seeds" in shown.out
    left_out = cli("-m", *TINY, *table, "split=kfold,holdout", "seed=0,1")
    assert (left_out.code, left_out.err.splitlines()[-1]) == (
        2,
        "error: seed=0,1: must cover all 5 folds of split=kfold, one a seed, as seed=range(5)",
    )
    one = cli(*TINY, *table, "split=kfold", "seed=7")
    assert one.out.startswith("split=kfold: this run selects on fold 2 of 5; -m trains on all of them\n")
