"""Commands in processes of their own: killed, interrupted, without a terminal, beside each other."""

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from optuna.trial import TrialState

from tests.cli import TINY, Cli, records
from tests.cli.test_search import trials
from tests.postgres import cluster, programs
from tests.searching import COMPLETE, FAIL, SEARCH, SPACE, by_point, trials_of

pytestmark = pytest.mark.slow


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hpsearch", *arguments]
    return subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # ignored in a background shell
    )


def wait_for_records(sweep: Path, number: int, process: "subprocess.Popen[str]") -> None:
    while len(list(sweep.glob("*/record.json"))) < number:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


@pytest.mark.long
def test_a_killed_sweep_is_completed_by_the_same_command_as_if_nothing_had_happened(cli: Cli) -> None:
    command = ("-m", "data=digits", "epochs=10", "seed=range(6)", "hydra.launcher.lanes=1", "name=killed")
    process = start(cli.folder, *command)
    wait_for_records(cli.multirun / "killed", 2, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = records(cli.multirun / "killed")
    assert 2 <= len(kept) < 6
    assert cli(*command).code == 0
    found = records(cli.multirun / "killed")
    assert len(found) == 6
    assert {name: found[name] for name in kept} == kept
    cli(*command[:-1], "name=whole")
    whole = records(cli.multirun / "whole")
    assert list(whole) == list(found)
    assert [e["metrics"] for e in whole.values()] == [e["metrics"] for e in found.values()]


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_once_lets_the_epoch_end_and_twice_stops_now(tmp_path: Path, times: int) -> None:
    process = start(
        tmp_path, "-m", "data=digits", "seed=range(3)", "epochs=20,2000", "hydra.launcher.lanes=1",
        "name=stopped", "report=false",
    )  # fmt: skip
    wait_for_records(tmp_path / "multirun" / "stopped", 1, process)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert process.stderr.readline() == "stopping after this epoch; Ctrl-C again stops now\n"
    if times == 2:
        process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130
    if times == 1:
        again = "-m hydra.launcher.lanes=1 data=digits 'seed=range(3)' epochs=20,2000 name=stopped report=false"
        assert err == f"interrupted; to go on: python -m hpsearch {again}\n"
        assert "1 run of 1 configuration, 5 runs missing" in out
    else:
        assert err == "interrupted: the same command, with its name=…, goes on from the runs that have a record\n"
        assert "configuration" not in out  # no report


def test_without_a_terminal_there_are_plain_lines_and_no_warnings(tmp_path: Path) -> None:
    process = start(tmp_path, "-m", *TINY, "seed=range(3)", "name=plain")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert err == ""
    assert "\x1b" not in out
    assert out.count("3 runs of 1 configuration, ") == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_search_that_was_stopped_goes_on_as_if_nothing_had_happened(cli: Cli, how: signal.Signals) -> None:
    arguments = ("hydra.launcher.lanes=2", "epochs=30", "hydra.sweeper.n_trials=8")
    process = start(cli.folder, *SEARCH, *SPACE, "name=s", *arguments)
    wait_for_records(cli.multirun / "s", 3, process)
    process.send_signal(how)
    _, err = process.communicate()
    if how is signal.SIGINT:
        assert process.returncode == 130
        assert "interrupted; to go on: python -m hpsearch -m hydra/sweeper=hpsearch" in err
    kept = records(cli.multirun / "s")
    assert cli(*SEARCH, *SPACE, "name=s", *arguments).code == 0
    found = trials(cli)
    complete = by_point(found)
    assert len(complete) == sum(trial.state is COMPLETE for trial in found) == 8
    assert not [trial for trial in found if trial.state is TrialState.RUNNING]
    assert all("again" in trial.user_attrs for trial in found if trial.state is FAIL)
    assert {name: entry for name, entry in records(cli.multirun / "s").items() if name in kept} == kept
    assert len(records(cli.multirun / "s")) == 8


def test_nothing_is_left_of_a_sweep_that_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hpsearch", "-m", "experiment=quickstart", "epochs=2000", "name=killed"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as sweep:
        children: list[str] = []
        until = time.monotonic() + 120
        while len(children) < torch.get_num_threads() and time.monotonic() < until:
            children = Path("/proc", str(sweep.pid), "task", str(sweep.pid), "children").read_text().split()
            time.sleep(0.05)
        sweep.kill()
    assert children
    until = time.monotonic() + 60
    while any(Path("/proc", child).exists() for child in children) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(Path("/proc", child).exists() for child in children)


@pytest.mark.skipif(programs() is None, reason="no PostgreSQL server")
def test_two_processes_share_a_study_on_postgresql_and_no_point_is_evaluated_twice(tmp_path: Path) -> None:
    with cluster(tmp_path / "server") as url:
        commands = [
            [
                sys.executable, "-m", "hpsearch", *SEARCH, "lr=tag(log, interval(0.001, 0.3))", "optimizer=sgd,adam",
                "hydra.sweeper.n_trials=24", "hydra.sweeper.study_name=shared", f"hydra.sweeper.storage='{url}'",
                "hydra.launcher.lanes=2", "epochs=20", f"name={name}",
            ]
            for name in ("one", "two")
        ]  # fmt: skip
        both = [
            subprocess.Popen(
                command,
                cwd=tmp_path,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )  # fmt: skip
            for command in commands
        ]
        said = [process.communicate() for process in both]
        assert [process.returncode for process in both] == [0, 0], said
        found = trials_of(url, "shared")
    assert [trial.state for trial in found] == [COMPLETE] * 24
    assert len({trial.user_attrs["configuration"] for trial in found}) == 24
    runs = [records(tmp_path / "multirun" / name) for name in ("one", "two")]
    assert len(runs[0]) + len(runs[1]) == 24
    assert runs[0]
    assert runs[1]
    (secret,) = re.findall(r":([^:@/]+)@", url)
    written = [path for path in (tmp_path / "multirun").rglob("*") if path.is_file()]
    assert not [path for path in written if secret.encode() in path.read_bytes()]
    assert secret not in "".join(text for pair in said for text in pair)
