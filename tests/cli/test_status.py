"""``python -m hpsearch.status``."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from hpsearch import status
from hpsearch.cli import grid, sweep_status
from hpsearch.record import multirun
from hpsearch.record.file import FILE
from hpsearch.record.reader import job_of
from tests.cli import TINY, Cli, Shown
from tests.cli.test_processes import start, wait_for_records
from tests.cli.test_startup import imported
from tests.made_records import entry, seeds, sweep
from tests.searching import SEARCH, SPACE

Typed = Callable[..., Shown]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Typed:
    """``python -m hpsearch.status`` in this process."""

    def run(*arguments: object) -> Shown:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["status", *map(str, arguments)])
        code: Any = 0
        try:
            status.main()
        except SystemExit as stop:
            code = stop.code
        out, err = capfd.readouterr()
        return Shown(code, out, err)

    return run


def write_multirun(
    folder: Path, *task: str, hydra: Sequence[str] = (), launcher: str = sweep_status.STACKED, **sweeper: Any
) -> None:
    folder.mkdir(exist_ok=True)
    target = {"_target_": "hydra._internal.core_plugins.basic_sweeper.BasicSweeper", "params": None}
    parts = {
        "overrides": {"hydra": ["hydra.mode=MULTIRUN", *hydra], "task": list(task)},
        "launcher": {"_target_": launcher},
        "sweeper": target | sweeper,
        "runtime": {"config_sources": [], "cwd": str(folder)},
        "job": {"config_name": "config"},
    }
    (folder / multirun.MULTIRUN).write_text(yaml.safe_dump({"hydra": parts, "name": "${now:%Y}"}))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ([], "no such folder; name the folder of a sweep, multirun/<name>"),
        (["a/"], "holds no runs of hpsearch; name the folder of a sweep, multirun/<name>"),
        (["a/s/000_00000000/"], "holds no runs of hpsearch; name one of those in it: s"),
        (["a/record.json"], "is the folder of one run; name its sweep's, "),
        (["a"], "cannot be read (Not a directory); name a sweep's folder"),
    ],
)
def test_a_folder_that_is_no_sweep_is_one_line(tmp_path: Path, typed: Typed, made: list[str], said: str) -> None:
    for name in made:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(parents=True) if name.endswith("/") else path.write_text("{}")
    for options in [(), ("--watch",)]:
        shown = typed(tmp_path / "a", *options)
        assert (shown.code, shown.out) == (2, "")
        assert shown.err.startswith(f"error: {tmp_path / 'a'}: {said}")
        assert shown.err.count("\n") == 1


def test_wrong_usage_is_one_line(typed: Typed) -> None:
    for arguments in [(), ("a", "b"), ("a", "--wach")]:
        shown = typed(*arguments)
        assert shown.code == 2
        assert shown.err.count("\n") == 1


def test_a_sweep_that_has_just_begun_counts_its_jobs(tmp_path: Path, typed: Typed) -> None:
    write_multirun(tmp_path / "s", "lr=0.1,0.2,0.1", "seed=range(5)", "optimizer=sgd,adam")
    shown = typed(tmp_path / "s")
    assert shown.code == 0
    assert shown.out.startswith(f"{tmp_path / 's'}: 0 of 20 runs ended, time left unknown, begun 0 s ago\n")
    assert "to go on   python -m hpsearch -m lr=0.1,0.2,0.1 'seed=range(5)' optimizer=sgd,adam name=s\n" in shown.out


@pytest.mark.parametrize("content", ["", "hydra:", "hydra: [", "\0", "hydra: {overrides: {task: [1], hydra: []}}", "3"])
def test_a_torn_multirun_yaml_is_a_note(tmp_path: Path, typed: Typed, content: str) -> None:
    folder = sweep(tmp_path / "s", seeds([0.9, 0.8]))
    (folder / multirun.MULTIRUN).write_text(content)
    shown = typed(folder)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(f"{folder}: 2 runs ended, last record ")
    assert f"note         {folder / multirun.MULTIRUN}: cannot be read" in shown.out


def test_a_single_run_is_a_sweep_of_one(tmp_path: Path, typed: Typed) -> None:
    folder = sweep(tmp_path / "s", [entry(0.9)])
    for options in [(), ("--watch",)]:
        shown = typed(folder, *options)
        assert shown.code == 0
        assert shown.out.startswith(f"{folder}: 1 run ended, last record 0 s ago\nbest  accuracy on validation 90.00 %")


def test_a_password_is_masked(tmp_path: Path, typed: Typed) -> None:
    url = "postgresql+psycopg://me:s3:c@r3t@host/db?passwd=s3cr4t"
    write_multirun(tmp_path / "s", "lr=0.1", hydra=[f"hydra.sweeper.storage='{url}'", "hydra/sweeper=optuna"])
    shown = typed(tmp_path / "s")
    assert "hydra.sweeper.storage='" in shown.out
    assert "me:***@host/db?passwd=***" in shown.out
    assert not re.search("s3|r3t", shown.out)


def test_a_study_that_needs_a_password_asks_for_it(tmp_path: Path, typed: Typed) -> None:
    folder = sweep(tmp_path / "s", seeds([0.9]))
    url = "postgresql+psycopg://me:***@host/db"
    write_multirun(folder, "lr=0.1,0.2", _target_=sweep_status.OURS, storage=url, n_trials=5)
    shown = typed(folder)
    assert shown.code == 0
    assert "the study s needs the URL of its storage, with the password; --storage=… names it\n" in shown.out
    named = typed(folder, "--storage=nonsense")
    assert (named.code, named.err.count("\n")) == (2, 1)


def test_hydras_own_parser_counts_the_jobs() -> None:
    lines = ["lr=choice(0.1,0.2)", "seed=range(1,4)", "optimizer=adam", "data.path='a b.csv'"]
    found = grid.jobs({"lr": "1,2,3", "epochs": "1,2"}, lines)
    assert found is not None
    assert len(found) == 2 * 3 * 2
    assert job_of(["lr=0.1", "epochs=2", "seed=3", "optimizer=adam", "data.path='a b.csv'"]) in found
    assert grid.jobs({}, ["lr=interval(0,1)"]) is None
    assert grid.jobs({}, ["optimizer=glob(*)"]) is None
    assert grid.jobs({}, ["lr=[1,"]) is None


def test_status_needs_neither_torch_nor_pandas_and_a_grid_no_optuna(tmp_path: Path) -> None:
    write_multirun(sweep(tmp_path / "s", seeds([0.9])), "lr=0.1,0.2")
    program = (
        "import sys; from hpsearch.status import main; main(); "
        "print(*{'torch', 'pandas', 'optuna', 'sklearn', 'matplotlib'} & sys.modules.keys(), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "s")], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "\n")
    assert imported(tmp_path, "hpsearch.status", ["nowhere"], ["--help"]) == ["2", "0"]


def test_a_sweep_as_typed(cli: Cli, typed: Typed) -> None:
    command = ("-m", *TINY, "lr=0.1,0.01", "seed=range(2)", "name=grid")
    assert cli(*command).code == 0
    folder = cli.multirun / "grid"
    shown = typed(folder)
    assert shown.out.startswith(f"{folder}: all 4 runs ended, last record ")
    assert "to go on" not in shown.out
    shutil.rmtree(next(folder.glob("001_*")))
    assert typed(folder).out.startswith(f"{folder}: all 3 runs ended")  # its command has ended, and no folder is left
    write_multirun(folder, *command[1:])
    shown = typed(folder)
    assert shown.out.startswith(f"{folder}: 3 of 4 runs ended, ")
    assert "no record    1 run without a folder: not begun\n" in shown.out


@pytest.mark.parametrize("launcher", [["hydra/launcher=basic"], ["hydra/launcher=joblib", "hydra.launcher.n_jobs=1"]])
def test_runs_of_other_launchers_are_known_by_their_overrides(cli: Cli, typed: Typed, launcher: list[str]) -> None:
    command = ("-m", *TINY, *launcher, "seed=0,1", "name=grid")
    assert cli(*command).code == 0
    folder = cli.multirun / "grid"
    assert typed(folder).out.startswith(f"{folder}: all 2 runs ended")
    last = next(folder.glob(f"001_*/{FILE}"))
    last.unlink()
    shown = typed(folder)
    assert shown.out.startswith(f"{folder}: 1 of 2 runs ended, the command has stopped")
    shutil.rmtree(last.parent)
    assert "no record  1 run without a folder: not begun" in typed(folder).out


def test_a_search_as_typed(cli: Cli, typed: Typed) -> None:
    assert cli(*SEARCH, *SPACE, "name=s", "hydra.sweeper.n_trials=3").code == 0
    before = {path: path.stat().st_mtime_ns for path in sorted(cli.folder.rglob("*"))}
    shown = typed(cli.multirun / "s")
    assert shown.out.startswith(f"{cli.multirun / 's'}: all 3 trials ended, last trial ")
    assert {path: path.stat().st_mtime_ns for path in sorted(cli.folder.rglob("*"))}.keys() == before.keys()
    (cli.multirun / "hpsearch.db").unlink()
    shown = typed(cli.multirun / "s")
    assert shown.out.startswith(f"{cli.multirun / 's'}: 3 runs ended, ")
    assert f"note  {cli.multirun / 'hpsearch.db'}: no such file" in shown.out


def watch(folder: Path, name: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "hpsearch.status", f"multirun/{name}", "--watch"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.long
@pytest.mark.slow
def test_a_running_grid_is_watched_to_its_end(tmp_path: Path) -> None:
    process = start(tmp_path, "-m", *TINY, "seed=range(6)", "epochs=300", "hydra.launcher.lanes=1", "name=grid")
    wait_for_records(tmp_path / "multirun" / "grid", 1, process)
    out, err = watch(tmp_path, "grid").communicate(timeout=120)
    process.communicate()
    lines = out.splitlines()
    assert err == ""
    assert re.match(
        r"multirun/grid: [1-5] of 6 runs ended, about .+ left at [\d,.]+ runs an hour, last record \d+ s ago", lines[0]
    )
    assert len({line.partition(",")[0] for line in lines if line.startswith("multirun/")}) > 1
    assert re.match(r"multirun/grid: all 6 runs ended, last record \d+ s ago", lines[-3])


@pytest.mark.slow
def test_ctrl_c_ends_a_watch_in_silence(tmp_path: Path) -> None:
    write_multirun(tmp_path / "multirun", "lr=0.1,0.2")
    process = watch(tmp_path, "")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("multirun: 0 of 2 runs ended")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "")


@pytest.mark.long
def test_a_running_search_tells_which_process_has_its_trials_and_a_killed_one_that_it_is_dead(tmp_path: Path) -> None:
    process = start(tmp_path, *SEARCH, *SPACE, "epochs=2000", "hydra.launcher.lanes=2", "name=s")
    folder = tmp_path / "multirun" / "s"
    command = [sys.executable, "-m", "hpsearch.status", "multirun/s"]
    until = time.monotonic() + 120
    while not list(folder.glob("0*")) and time.monotonic() < until:
        time.sleep(0.1)
    running = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert running.startswith("multirun/s: 0 of 50 trials ended, time left unknown, begun ")
    worker = rf"{re.escape(os.uname().nodename)}:{process.pid}:\w{{8}}"
    assert re.search(rf"in training  2 trials by process {worker}\n", running)
    process.kill()
    process.communicate()
    killed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert re.search(rf"in training  2 trials by process {worker}, which has ended; the same command", killed)
    assert "to go on     python -m hpsearch -m hydra/sweeper=hpsearch" in killed
