"""Claims of commands on the folder of a sweep: real processes, real locks."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpsearch.errors import UsageError
from hpsearch.record import claim
from hpsearch.record.claim import Claim, has_ended, locked

CLAIMS = """
import os, sys, time
from pathlib import Path
from hpsearch.record.claim import Claim
claim = Claim(Path(sys.argv[1]), shares=sys.argv[2] == "shared")
if len(sys.argv) > 3 and os.fork() == 0:  # a worker, which outlives its process
    time.sleep(60)
print(claim.token, flush=True)
time.sleep(60)
"""
Other = tuple["subprocess.Popen[str]", str]


@pytest.fixture
def processes() -> Iterator[list["subprocess.Popen[str]"]]:
    """Are killed at the end, with their children."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def other(processes: list["subprocess.Popen[str]"], folder: Path, *arguments: str) -> Other:
    """Another process with a claim, and its token."""
    command = [sys.executable, "-c", CLAIMS, str(folder), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    processes.append(process)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_a_second_command_is_told_which_process_has_the_sweep(
    tmp_path: Path, processes: list["subprocess.Popen[str]"]
) -> None:
    process, token = other(processes, tmp_path / "s", "alone")
    for shares in (False, True):
        with pytest.raises(
            UsageError, match=rf"s: process {process.pid} on .* trains this sweep since .*; wait for it"
        ):
            Claim(tmp_path / "s", shares)
    assert has_ended(tmp_path / "s", token) is False
    process.send_signal(signal.SIGSTOP)  # it may go on
    assert has_ended(tmp_path / "s", token) is False


def test_the_claim_of_a_killed_process_is_free_at_once_though_a_forked_worker_lives(
    tmp_path: Path, processes: list["subprocess.Popen[str]"]
) -> None:
    process, token = other(processes, tmp_path, "alone", "forks")
    process.kill()
    process.wait()
    os.killpg(process.pid, 0)  # the worker
    until = time.monotonic() + 5  # it may not have begun when its parent was killed
    while not has_ended(tmp_path, token) and time.monotonic() < until:
        time.sleep(0.01)
    assert has_ended(tmp_path, token) is True
    mine = Claim(tmp_path, shares=False)
    mine.release()
    assert names(tmp_path) == []


def test_searches_share_a_sweep_and_a_grid_does_not(tmp_path: Path, processes: list["subprocess.Popen[str]"]) -> None:
    _, token = other(processes, tmp_path, "shared")
    mine = Claim(tmp_path, shares=True)
    assert len(names(tmp_path)) == 2
    with pytest.raises(UsageError):
        Claim(tmp_path, shares=False)
    mine.release()
    assert names(tmp_path) == [f".claim-shared-{token}"]
    assert (has_ended(tmp_path, mine.token), has_ended(tmp_path, token)) == (True, False)


def test_neither_host_nor_process_id_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim.socket, "gethostname", lambda: "a host/name of\nits own")
    first = Claim(tmp_path, shares=False)
    monkeypatch.setattr(claim.socket, "gethostname", lambda: "another")
    with pytest.raises(UsageError, match=r"process \d+ on a_host_name_of_its_own trains"):
        Claim(tmp_path, shares=False)
    first.release()
    second = Claim(tmp_path, shares=False)  # of the same process id
    assert has_ended(tmp_path, second.token) is False
    second.release()
    assert has_ended(tmp_path, "another:1:0") is None


def test_a_lock_does_not_stay_with_a_process_that_was_forked_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    original = os.open
    monkeypatch.setattr(os, "open", lambda *given: opened.append(original(*given)) or opened[-1])
    with locked(tmp_path):
        copy = os.dup(opened[0])  # such as a fork makes
    fcntl.flock(os.open(tmp_path, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises if somebody has it
    for descriptor in (copy, opened[-1]):
        os.close(descriptor)
