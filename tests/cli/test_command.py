"""The command line as a user types it."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.errors import ConfigCompositionException

from hpsearch.components.architecture.classifiers import READS
from hpsearch.engine import trainer
from hpsearch.engine.spec import LaneSpec
from tests.cli import TINY, Cli, records, rows


def test_a_single_run_leaves_a_record_that_says_everything(cli: Cli) -> None:
    shown = cli(*TINY, "name=one", "optimizer=adam", "seed=3")
    assert shown.code == 0, shown.err
    ((folder, entry),) = records(cli.multirun / "one").items()
    assert folder == f"000_{entry['key'][:8]}"
    assert entry["schema"] == 1
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


def test_the_overrides_of_a_record_repeat_its_run_alone(cli: Cli) -> None:
    cli("-m", *TINY, "name=grid", "optimizer=sgd,adam", "dropout.p=0.3", "seed=range(3)")
    for entry in records(cli.multirun / "grid").values():
        cli(*entry["overrides"], "name=alone")
        alone = next(e for e in records(cli.multirun / "alone").values() if e["key"] == entry["key"])
        assert (alone["metrics"], alone["history"]) == (entry["metrics"], entry["history"])


def test_the_same_command_again_trains_nothing_and_more_seeds_only_the_new(cli: Cli, trained: list[LaneSpec]) -> None:
    command = ("-m", *TINY, "name=grow", "lr=0.1,0.01")
    first = cli(*command, "seed=0,1")
    before = {path: path.stat().st_mtime_ns for path in (cli.multirun / "grow").glob("*/record.json")}
    again = cli(*command, "seed=0,1")
    assert [run.seed for run in trained] == [0, 1, 0, 1]
    assert "4 of 4 runs are already in multirun/grow" in again.out
    assert first.out.splitlines()[:8] == again.out.splitlines()[1:9]
    assert cli(*command, "seed=0,1,2").code == 0
    assert [run.seed for run in trained[4:]] == [2, 2]
    assert len(before) == 4
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    assert sorted(int(name[:3]) for name in records(cli.multirun / "grow")) == list(range(6))
    assert len(rows(cli.multirun / "grow")) == 6


def test_a_folder_without_a_valid_record_is_unfinished(cli: Cli) -> None:
    command = ("-m", *TINY, "name=torn", "seed=0,1,2")
    cli(*command)
    first, second, _ = sorted((cli.multirun / "torn").glob("*_*"))
    (first / "record.json").unlink()
    (second / "record.json").write_text((second / "record.json").read_text()[:200])
    shown = cli(*command)
    assert "1 of 3 runs are already in" in shown.out
    assert len(records(cli.multirun / "torn")) == 3
    assert len(list((cli.multirun / "torn").glob("*_*"))) == 3


def test_a_run_that_is_asked_for_twice_is_trained_once(cli: Cli) -> None:
    assert cli("-m", *TINY, "name=twice", "seed=0,0,1").code == 0
    assert len(records(cli.multirun / "twice")) == 2


def test_sweeps_without_a_name_get_a_time_stamp(cli: Cli) -> None:
    cli("-m", *TINY, "seed=0,1")
    (sweep,) = cli.multirun.iterdir()
    assert time.strptime(sweep.name, "%Y-%m-%d_%H-%M-%S")
    assert len(records(sweep)) == 2


def test_runs_that_cannot_share_a_stack_are_split(cli: Cli) -> None:
    cli("-m", *TINY, "name=split", "architecture.width=8,16", "normalization=none,batch", "dropout=none,strong")
    found = records(cli.multirun / "split").values()
    assert len(found) == 8
    assert {entry["lanes"] for entry in found} == {2}


def test_a_run_that_diverges_is_marked_and_the_others_are_untouched(cli: Cli) -> None:
    shown = cli("-m", *TINY, "name=wild", "lr=0.1,1e30", "seed=0,1")
    assert shown.code == 0, shown.err
    found = list(records(cli.multirun / "wild").values())
    assert [entry["status"] for entry in found] == ["finished", "finished", "diverged", "diverged"]
    assert found[2]["metrics"]["test_accuracy"] is None
    assert "loss is" in found[2]["reason"]
    assert "0/2" in shown.out
    cli("-m", *TINY, "name=calm", "lr=0.1", "seed=0,1")
    calm = list(records(cli.multirun / "calm").values())
    assert [entry["history"] for entry in calm] == [entry["history"] for entry in found[:2]]


def test_an_exception_costs_one_run_and_the_same_command_tries_it_again(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = trainer.new_lane

    def broken(index: int, run: LaneSpec, program: Any) -> Any:
        if run.seed == 2:
            raise MemoryError("no memory for this one")
        return original(index, run, program)

    monkeypatch.setattr(trainer, "new_lane", broken)
    command = ("-m", *TINY, "name=one_bad", "seed=range(5)")
    shown = cli(*command)
    assert shown.code == 1
    assert "no memory for this one" in shown.err
    found = list(records(cli.multirun / "one_bad").values())
    assert [entry["status"] for entry in found] == ["finished", "finished", "failed", "finished", "finished"]
    assert found[2]["reason"] == "MemoryError: no memory for this one"
    assert "4/5" in shown.out
    monkeypatch.setattr(trainer, "new_lane", original)
    assert cli(*command).code == 0
    assert {entry["status"] for entry in records(cli.multirun / "one_bad").values()} == {"finished"}


@pytest.mark.parametrize("launcher", ["basic", pytest.param("joblib", marks=pytest.mark.slow)])
def test_stock_launchers_give_the_same_records(cli: Cli, launcher: str) -> None:
    command = ("-m", *TINY, "optimizer=sgd,adam", "seed=0,1")
    extra = ("hydra.launcher.n_jobs=2",) if launcher == "joblib" else ()
    assert cli(*command, "name=stock", f"hydra/launcher={launcher}", *extra).code == 0
    assert cli(*command, "name=stacked").code == 0
    stock, stacked = records(cli.multirun / "stock"), records(cli.multirun / "stacked")
    assert list(stock) == list(stacked)
    for name, entry in stock.items():
        tolerance = 0 if launcher == "basic" else 1e-5  # joblib's workers have another number of threads
        for metric, values in entry["history"].items():
            assert values == pytest.approx(stacked[name]["history"][metric], rel=tolerance)
    assert len(rows(cli.multirun / "stock")) == 4
    before = {path: path.stat().st_mtime_ns for path in (cli.multirun / "stock").glob("*/record.json")}
    assert cli(*command, "name=stock", f"hydra/launcher={launcher}", *extra).code == 0
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())


@pytest.mark.parametrize("more", [(), ("plan=true",), ("hydra/sweeper=hpsearch", "lr=interval(0.1,0.2)")])
def test_a_sweep_needs_a_lane(cli: Cli, more: tuple[str, ...]) -> None:
    shown = cli("-m", *TINY, "seed=3", "hydra.launcher.lanes=0", *more)
    assert (shown.code, shown.err) == (2, "error: hydra.launcher.lanes=0: must be at least 1\n")
    assert os.listdir(cli.folder) == []


def test_every_fault_of_a_sweep_is_listed_at_once_before_anything_is_trained(cli: Cli) -> None:
    shown = cli("-m", *TINY, "lr=0.1,-1,nan", "seed=0,1", "batch_size=0,64", "name=x")
    assert shown.code == 2
    assert shown.err.splitlines() == [
        "error: batch_size=0: must be at least 1",
        "error: lr=-1.0: must be a number above 0",
        "error: lr=nan: must be a number above 0",
    ]
    assert os.listdir(cli.folder) == []


def test_hydras_own_full_errors_stay(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ConfigCompositionException, match="Could not override 'lrr'"):
        cli(*TINY, "lrr=3")


def test_a_fault_in_a_sweep_that_has_runs_leaves_them(cli: Cli) -> None:
    cli("-m", *TINY, "name=keep", "seed=0,1")
    assert cli("-m", *TINY, "name=keep", "seed=0,1", "lr=-1").code == 2
    assert len(records(cli.multirun / "keep")) == 2


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


def test_a_sweep_ends_with_its_report(cli: Cli) -> None:
    shown = cli("-m", *TINY[:-1], "name=whole", "seed=0,1")
    assert shown.code == 0, shown.err
    assert shown.out.endswith(
        "report: multirun/whole/report/index.html\nin the browser: python -m hpsearch.dashboard\n"
    )
    assert (cli.multirun / "whole" / "report" / "index.html").exists()


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
    assert all(set(entry["config"]) == set(READS) for entry in entries[2:])  # lr is no part of it
    assert "architecture=svc is best" in shown.out.replace("\n", " ")
    assert "4 runs of 4 configurations" in shown.out
