"""A round or two of each fault; more by ``python -m benchmarks faults``."""

import sys
from pathlib import Path

import pytest

from benchmarks.suites.drivers import searched
from tests.faults import beside, kills
from tests.postgres import cluster, programs

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="the faults are made as on Linux"),
]


def test_a_grid_that_is_killed_or_doubled_ends_with_the_records_of_an_undisturbed_one(tmp_path: Path) -> None:
    clean = kills.clean_grid(new(tmp_path / "clean"))
    assert kills.killed_grid(new(tmp_path / "killed"), 0, clean) == []
    assert beside.two_grids(new(tmp_path / "two"), 0, clean) == []


def test_a_search_that_is_killed_has_each_trial_once(tmp_path: Path) -> None:
    assert kills.killed_search(tmp_path, 1, "median") == []


@pytest.mark.skipif(programs() is None, reason="no PostgreSQL server")
def test_drivers_on_one_study_lose_and_double_no_trial_also_if_two_are_killed(tmp_path: Path) -> None:
    with cluster(tmp_path) as url:
        found = searched(url, trials=30, number=3, killed=2)
    assert found.faults == []
    assert sum(found.by) == 30


def new(folder: Path) -> Path:
    folder.mkdir()
    return folder
