"""A round or two of each fault; more by ``python -m benchmarks faults``."""

import signal
import sys
from pathlib import Path

import pytest

from tests.faults import bad_runs, beside, disks, kills

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the faults are made as on Linux"),
]


def test_a_grid_that_is_killed_or_whose_worker_is_stopped_ends_with_the_records_of_an_undisturbed_one(
    tmp_path: Path,
) -> None:
    clean = kills.clean_grid(new(tmp_path / "clean"))
    assert kills.killed_grid(new(tmp_path / "killed"), 0, clean) == []
    assert kills.stopped_worker(new(tmp_path / "stopped"), 0, clean, signal.SIGSTOP) == []
    assert beside.two_grids(new(tmp_path / "two"), 0, clean) == []
    assert disks.faults_of(new(tmp_path / "deleted"), "deleted", "grid", 0, clean) == []


@pytest.mark.parametrize("pruner", ["median", "synchronous_halving"])
def test_a_search_that_is_killed_has_each_trial_once(tmp_path: Path, pruner: str) -> None:
    assert kills.killed_search(tmp_path, 1, pruner) == []


def test_two_searches_of_which_one_is_killed_lose_and_double_nothing(tmp_path: Path) -> None:
    assert beside.two_searches(tmp_path, 1) == []


def test_a_bad_run_of_45_fails_alone(tmp_path: Path) -> None:
    clean = bad_runs.clean_grid(new(tmp_path / "clean"))
    assert bad_runs.faults_of(new(tmp_path / "bad"), "segfault", 1, clean) == []


def new(folder: Path) -> Path:
    folder.mkdir()
    return folder
