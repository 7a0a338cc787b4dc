"""Runs of other values in a sweep's folder are noticed before they share a table."""

from pathlib import Path

import pytest

from hpsearch.cli import mixing
from hpsearch.errors import UsageError
from hpsearch.record.file import write_record
from hpsearch.task.prepare import prepare
from hpsearch.workers.run import Run
from tests.cli import TINY
from tests.composing import job_cfg
from tests.made_records import entry


def runs_of(*jobs: str) -> list[Run]:
    return prepare([(job_cfg(*TINY, *job.split()), []) for job in jobs])


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A sweep of two learning rates, 2 epochs each."""
    for number, run in enumerate(runs_of("lr=0.1", "lr=0.2")):
        folder = tmp_path / f"{number:03d}_{run.key[:8]}"
        folder.mkdir()
        write_record(folder, entry(0.9, **run.config))
    return tmp_path


def test_other_epochs_are_refused_unless_the_sweep_is_named(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = runs_of("lr=0.1 epochs=1", "lr=0.2 epochs=1")
    with pytest.raises(UsageError) as caught:
        mixing.check(sweep, runs, ["experiment=mine"])
    (line,) = caught.value.faults
    assert line.startswith(f"{sweep}: 2 runs in it have epochs=2, and these have epochs=1; give them another name=…")
    mixing.check(sweep, runs, [f"name={sweep.name}"])
    assert "2 runs in it have epochs=2, and these have epochs=1" in capsys.readouterr().err


def test_the_same_runs_and_more_values_of_a_swept_key_are_welcome(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixing.check(sweep, runs_of("lr=0.1", "lr=0.2"), [])
    mixing.check(sweep, runs_of("lr=0.3"), [])
    mixing.check(sweep, runs_of("lr=0.1 seed=1", "lr=0.2 seed=1"), [])
    mixing.check(tmp_path / "nothing", runs_of("lr=0.3"), [])
    assert capsys.readouterr().err == ""
