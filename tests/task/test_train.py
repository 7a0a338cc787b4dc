"""Runs in, records out: what trains, what a record and a log hold, what is done already. Without Hydra's run-time."""

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from hpsearch.engine import trainer
from hpsearch.engine.spec import LaneSpec
from hpsearch.task.prepare import prepare
from hpsearch.task.train import EndedRun, train, train_all
from hpsearch.workers.run import RunList
from tests.cli import TINY, records
from tests.composing import job_cfg
from tests.tables import penguins, written

Job = tuple[str, ...]


def grid(*axes: str) -> list[Job]:
    """The jobs of a grid, as ``lr=0.1,0.2``."""
    keys = [axis.partition("=")[0] for axis in axes]
    values = [axis.partition("=")[2].split(",") for axis in axes]
    return [tuple(f"{key}={value}" for key, value in zip(keys, job, strict=True)) for job in product(*values)]


def sweep(folder: Path, jobs: list[Job], lanes: int = 48) -> list[EndedRun]:
    """Train jobs of a tiny net into a folder; the runs by number."""
    return run_all(folder, [(*TINY, *job) for job in jobs], lanes)


def run_all(folder: Path, jobs: list[Job], lanes: int = 48) -> list[EndedRun]:
    runs = prepare([(job_cfg(*job), list(job)) for job in jobs])
    ended = train_all(RunList(list(enumerate(runs))), folder, lanes, "none")
    return sorted(ended, key=lambda run: run.number)


def break_runs(monkeypatch: pytest.MonkeyPatch, broken: Callable[[LaneSpec], bool]) -> None:
    """From now on these runs raise where they take a lane."""
    original = trainer.new_lane

    def enter(index: int, run: LaneSpec, stack: Any) -> Any:
        if broken(run):
            raise MemoryError("no memory for this one")
        return original(index, run, stack)

    monkeypatch.setattr(trainer, "new_lane", enter)


def test_the_overrides_of_a_record_repeat_its_run_alone(tmp_path: Path) -> None:
    sweep(tmp_path / "grid", grid("optimizer=sgd,adam", "dropout.p=0.3", "seed=0,1,2"))
    for name, entry in records(tmp_path / "grid").items():
        (run,) = prepare([(job_cfg(*entry["overrides"]), [])])
        assert run.key == entry["key"]
        (tmp_path / name).mkdir()
        train(run, tmp_path / name, "none")
        alone = json.loads((tmp_path / name / "record.json").read_text())
        assert (alone["metrics"], alone["history"]) == (entry["metrics"], entry["history"])


def test_the_same_jobs_again_train_nothing_and_more_seeds_only_the_new(
    tmp_path: Path, trained: list[LaneSpec], capsys: pytest.CaptureFixture[str]
) -> None:
    first = sweep(tmp_path, grid("lr=0.1,0.01", "seed=0,1"))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/record.json")}
    capsys.readouterr()
    again = sweep(tmp_path, grid("lr=0.1,0.01", "seed=0,1"))
    assert [run.seed for run in trained] == [0, 1, 0, 1]
    assert capsys.readouterr().out == f"4 of 4 runs are already in {tmp_path}\n"
    assert [run.trained for run in first] == [True] * 4
    assert [run.trained for run in again] == [False] * 4
    assert [run.folder for run in again] == [run.folder for run in first]
    sweep(tmp_path, grid("lr=0.1,0.01", "seed=0,1,2"))
    assert [run.seed for run in trained[4:]] == [2, 2]
    assert len(before) == 4
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    assert sorted(int(name[:3]) for name in records(tmp_path)) == list(range(6))


def test_a_folder_without_a_valid_record_is_unfinished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = grid("seed=0,1,2")
    sweep(tmp_path, jobs)
    first, second, _ = sorted(tmp_path.glob("*_*"))
    (first / "record.json").unlink()
    (second / "record.json").write_text((second / "record.json").read_text()[:200])
    capsys.readouterr()
    sweep(tmp_path, jobs)
    assert "1 of 3 runs are already in" in capsys.readouterr().out
    assert len(records(tmp_path)) == 3
    assert len(list(tmp_path.glob("*_*"))) == 3


def test_a_run_that_is_asked_for_twice_is_trained_once(tmp_path: Path) -> None:
    first, second, other = sweep(tmp_path, grid("seed=0,0,1"))
    assert first.folder == second.folder != other.folder
    assert [run.trained for run in (first, second, other)] == [True, False, True]
    assert first.outcome == second.outcome
    assert len(records(tmp_path)) == 2


def test_runs_that_cannot_share_a_stack_are_split(tmp_path: Path) -> None:
    sweep(tmp_path, grid("architecture.width=8,16", "normalization=none,batch", "dropout=none,strong"))
    found = records(tmp_path).values()
    assert len(found) == 8
    assert {entry["lanes"] for entry in found} == {2}


def test_a_run_that_diverges_is_marked_and_the_others_are_untouched(tmp_path: Path) -> None:
    sweep(tmp_path / "wild", grid("lr=0.1,1e30", "seed=0,1"))
    found = list(records(tmp_path / "wild").values())
    assert [entry["status"] for entry in found] == ["finished", "finished", "diverged", "diverged"]
    assert found[2]["metrics"]["test_accuracy"] is None
    assert "loss is" in found[2]["reason"]
    sweep(tmp_path / "calm", grid("lr=0.1", "seed=0,1"))
    calm = list(records(tmp_path / "calm").values())
    assert [entry["history"] for entry in calm] == [entry["history"] for entry in found[:2]]


@pytest.mark.parametrize("n_threads", [1, 2], ids=["in one process", "in two processes"])
def test_an_exception_costs_one_run_whose_log_has_the_traceback_and_it_is_tried_again(
    tmp_path: Path, n_threads: int, threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads(n_threads)
    jobs = grid("seed=0,1,2,3,4")
    with monkeypatch.context() as patch:
        break_runs(patch, lambda run: run.seed == 2)
        runs = sweep(tmp_path, jobs)
    assert [isinstance(run.outcome, MemoryError) for run in runs] == [False, False, True, False, False]
    found = list(records(tmp_path).values())
    assert [entry["status"] for entry in found] == ["finished", "finished", "failed", "finished", "finished"]
    assert found[2]["reason"] == "MemoryError: no memory for this one"
    (log,) = tmp_path.glob("*/hpsearch.log")
    assert log.parent == runs[2].folder
    assert "in enter\n" in log.read_text()  # the function that raised
    assert "RemoteTraceback" in log.read_text()
    assert log.read_text().endswith("MemoryError: no memory for this one\n")
    runs = sweep(tmp_path, jobs)
    assert [run.trained for run in runs] == [False, False, True, False, False]
    assert {entry["status"] for entry in records(tmp_path).values()} == {"finished"}


def test_a_warning_of_a_classifier_is_its_reason_and_its_log(tmp_path: Path) -> None:
    warns = ("data=digits", "architecture=logistic_regression", "architecture.max_iter=1")
    warned, calm = run_all(tmp_path, [warns, ("data=digits", "architecture=k_neighbors")])
    (entry, _) = records(tmp_path).values()
    assert entry["status"] == "finished"
    assert entry["reason"].startswith("ConvergenceWarning: ")
    assert (warned.folder / "hpsearch.log").read_text() == f"finished: {entry['reason']}\n"
    assert [path.name for path in calm.folder.iterdir()] == ["record.json"]


@pytest.mark.parametrize("target", ["species", "mass"])
def test_a_fold_beside_the_others_trains_as_alone(tmp_path: Path, target: str) -> None:
    table = ("data=table", f"data.path={written(tmp_path, penguins(150))}", f"data.target={target}", "batch_size=16")
    jobs = [(*TINY, *table, "split=kfold", f"seed={seed}", "preprocessing=quantile") for seed in range(5)]
    run_all(tmp_path / "folds", jobs)
    found = records(tmp_path / "folds")
    assert max(entry["lanes"] for entry in found.values()) > 1
    for name, entry in found.items():
        run_all(tmp_path / name, [tuple(entry["overrides"])])
        (alone,) = records(tmp_path / name).values()
        assert alone["lanes"] == 1
        assert (alone["metrics"], alone["history"]) == (entry["metrics"], entry["history"])
