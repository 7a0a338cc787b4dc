"""`hpsearch.sweep`, `train` and `records` in a Python session."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import hpsearch
from hpsearch import Sweep
from hpsearch.errors import SweepError, UsageError
from tests.cli import TINY, Cli
from tests.task.test_train import break_runs

ODD = "a b 'c' \"d\" ü=1,2"  # a folder's name that shells and Hydra's grammar would read


@contextmanager
def unchanged() -> Iterator[None]:
    """Inside, signals, logging, environment and arguments of the session stay as they are."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    signals = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    environment, argv = dict(os.environ), sys.argv[:]
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == signals
    assert (logging.getLogger().handlers, logging.getLogger().level) == (handlers, level)
    assert "HYDRA_FULL_ERROR" not in os.environ.keys() - environment.keys()
    assert sys.argv == argv


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory of a session that stays as it is."""
    monkeypatch.chdir(tmp_path)
    with unchanged():
        yield tmp_path


def test_a_session_gives_what_the_command_gives(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    grid, home = (*TINY, "optimizer=sgd,adam", "seed=0,1", "name=s"), cli.folder
    assert cli("-m", *grid).code == 0
    monkeypatch.chdir(home)
    with unchanged():
        found, read = hpsearch.sweep(*grid, folder=ODD), hpsearch.records(home / "multirun" / "s")
    assert found.folder == home / ODD
    command = Sweep(home / "multirun" / "s")
    assert [entry["key"] for entry in found.records] == [entry["key"] for entry in command.records]
    for one, other in zip(found.records, command.records, strict=True):
        assert (one["metrics"], one["history"], one["config"]) == (other["metrics"], other["history"], other["config"])
    timeless = [column for column in read.columns if column != "seconds"]
    assert found.frame[timeless].equals(read[timeless])
    assert list(found.table.optimizer) == list(command.table.optimizer)
    assert found.verdict == command.verdict
    assert repr(found) == f"Sweep({str(home / ODD)!r})"


def test_sweeps_follow_each_other_also_in_a_thread_and_from_another_folder(home: Path) -> None:
    first = hpsearch.train(*TINY, "seed=0", "name=one")
    found: list[Sweep] = []
    thread = threading.Thread(target=lambda: found.append(hpsearch.sweep(*TINY, "seed=0,1", folder="two")))
    thread.start()
    thread.join()
    (home / "elsewhere").mkdir()
    os.chdir(home / "elsewhere")
    third = hpsearch.sweep(*TINY, "seed=0,1", folder=Path("..") / "two")  # it is done
    assert third.folder.resolve() == home / "two"
    assert [len(sweep.records) for sweep in (first, *found, third)] == [1, 2, 2]
    assert {sweep.records[0]["metrics"]["val_accuracy"] for sweep in (first, *found, third)} == {
        first.records[0]["metrics"]["val_accuracy"]
    }


@pytest.mark.parametrize(
    ("overrides", "fault"),
    [
        (["lr=-1"], "lr=-1.0: must be a number above 0"),
        (["lrr=1"], "lrr: Key 'lrr' not in 'Config'. Did you mean: 'lr'?"),
        (["--help"], "-m data=digits .* --help .*: not the overrides of a run or sweep"),
        (["--no-such-option"], ".* --no-such-option .*: not the overrides of a run or sweep"),
        (["seed=("], r"seed=\(: "),
    ],
)
def test_a_wrong_value_is_an_exception_and_leaves_nothing(home: Path, overrides: list[str], fault: str) -> None:
    with pytest.raises(UsageError, match=f"^{fault}"):
        hpsearch.sweep(*TINY, *overrides, folder="new/sweep")
    with pytest.raises(UsageError):
        hpsearch.train(*TINY, *overrides)
    assert os.listdir(home) == []


def test_a_run_that_fails_is_an_exception_and_the_others_have_records(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        break_runs(patch, lambda run: run.seed == 1)
        with pytest.raises(SweepError, match="the run failed: MemoryError: no memory for this one"):
            hpsearch.sweep(*TINY, "seed=0,1", folder="s")
    assert list(hpsearch.records("s").status) == ["finished", "failed"]
    with pytest.raises(UsageError, match="none: no such folder"):
        hpsearch.records("none")


def test_importing_hpsearch_imports_nothing_heavy() -> None:
    heavy = {"hydra", "omegaconf", "optuna", "pandas", "torch"}
    program = f"import sys, hpsearch; print(*sorted({heavy} & {{*sys.modules}}))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout == "\n"
    names = {"Pruned", "ScriptRun", "Sweep", "load", "main", "records", "register", "sweep", "train"}
    assert set(hpsearch.__all__) == names


@pytest.mark.slow
def test_relative_paths_hold_in_a_job_that_has_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text("a,b\n" + "".join(f"{row},{row % 2}\n" for row in range(60)))
    table = ("data=table", "data.path=mine.csv", "epochs=1", "batch_size=8", "architecture.width=4", "report=false")
    search = ("hydra/sweeper=hpsearch", "hydra.sweeper.n_trials=2", "lr=interval(0.01,0.1)", "name=s")
    found = hpsearch.sweep(*table, *search, "hydra/launcher=basic", "hydra.job.chdir=true")
    assert [record["status"] for record in found.records] == ["finished"] * 2
    assert (tmp_path / "multirun" / "hpsearch.db").exists()
