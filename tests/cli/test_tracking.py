"""``tracker=…`` in commands, and ``python -m hpsearch.export``."""

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from omegaconf import OmegaConf

from hpsearch import export
from hpsearch.cli import confirm, tracking
from hpsearch.cli.command import CONF
from hpsearch.cli.command_line import check
from hpsearch.errors import UsageError
from hpsearch.record.folders import run_folders
from hpsearch.record.reader import job_of
from hpsearch.task.identity import identity
from hpsearch.trackers.options import Mlflow
from tests.cli import TINY, Cli, records
from tests.composing import job_cfg, sweep_cfg
from tests.made_records import seeds, sweep


def test_the_runs_of_a_sweep_are_tracked_once(cli: Cli) -> None:
    command = ("-m", *TINY, "lr=0.1,0.01", "name=s")
    first = cli(*command, "tracker=csv")
    folder = cli.multirun / "s"
    table = pd.read_csv(folder / "csv" / "runs.csv")
    assert sorted(table.run) == run_folders(folder)
    assert "tracker=csv: 2 runs in multirun/s/csv" in first.out
    again = cli(*command, "tracker=[csv,tensorboard]")
    assert "2 of 2 runs are already in multirun/s" in again.out
    assert "tracker=tensorboard: 2 runs in multirun/s/tensorboard" in again.out
    assert "tracker=csv" not in again.out
    assert [line for record in records(folder).values() for line in record["overrides"] if "tracker" in line] == []


@pytest.mark.parametrize("launcher", [[], ["-m", "hydra/launcher=basic"]], ids=["alone", "basic"])
def test_a_tracker_that_fails_costs_a_line_and_no_run(cli: Cli, launcher: list[str]) -> None:
    dead = "tracker.mlflow.uri=http://127.0.0.1:9"
    shown = cli(*launcher, *TINY, "name=s", "tracker=[csv,mlflow]", dead)
    assert shown.code == 0
    (line,) = (line for line in shown.err.splitlines() if line.startswith("warning: "))
    assert line.startswith("warning: tracker=mlflow: ")
    assert line.endswith("python -m hpsearch.export mlflow multirun/s --uri http://127.0.0.1:9 writes them later")
    assert "tracker=csv: 1 run in multirun/s/csv" in shown.out


def test_a_tracker_changes_no_run() -> None:
    with_tracker = job_cfg("data=digits", "tracker=[mlflow,csv]", "tracker.mlflow.experiment=x")
    assert with_tracker.tracker == {"mlflow": {"uri": None, "experiment": "x"}, "csv": {"folder": None}}
    assert identity(with_tracker) == identity(job_cfg("data=digits"))
    assert job_of(["lr=0.1", "tracker=csv", "+tracker.csv.folder=x"]) == job_of(["lr=0.1"])


def test_trackers_are_no_axis_of_a_sweep() -> None:
    with pytest.raises(UsageError, match="^tracker=csv,mlflow: must be one value, because it is the same for all runs"):
        check(["-m", "tracker=csv,mlflow"], CONF)
    check(["-m", "tracker=[csv,mlflow]"], CONF)


def test_a_wrong_option_is_found_before_training() -> None:
    with pytest.raises(UsageError, match="^tracker.wandb.mode=no: must be one of online, offline, or null"):
        tracking.check(sweep_cfg("tracker=wandb", "tracker.wandb.mode=no"))
    with pytest.raises(UsageError, match="tracker.mlflow.uri: "):
        tracking.check(sweep_cfg("tracker=mlflow", "tracker.mlflow.uri=${oc.env:NO_SUCH_VARIABLE}"))


def test_a_winner_is_tracked_where_the_command_says_and_not_where_its_record_does() -> None:
    record = {"config": {"data": {}, "epochs": 1}, "overrides": ["lr=0.1", "tracker=mlflow", "+tracker.csv.folder=x"]}
    given = confirm.arguments(record, "5", Path("folder"), sweep_cfg("tracker=csv"))
    assert [line for line in given if "tracker" in line] == ["tracker=csv"]


def test_the_command_that_writes_later_is_one_of_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    line = tracking.export_command("mlflow", Mlflow("sqlite:///a b.db"), tmp_path / "my sweep")
    assert shlex.split(line)[3:] == ["mlflow", "my sweep", "--uri", "sqlite:///a b.db"]


@pytest.fixture
def exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs the command; gives its exit code and output."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["export", *arguments])
        code = 0
        try:
            export.main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


def test_sweeps_that_exist_are_written_into_a_tracker(tmp_path: Path, exported: Callable[..., tuple[int, str]]) -> None:
    first, second = sweep(tmp_path / "a", seeds([0.5, 0.6])), sweep(tmp_path / "b", seeds([0.5]))
    (first / "009_00000000").mkdir()
    assert exported("csv", "a") == (0, "a: 2 runs written, 1 run without a record: a/csv\n")
    (second / run_folders(second)[0] / "record.json").write_text("{")
    code, text = exported("csv", "a", "b", "--folder", "tables")
    assert code == 0
    assert text.splitlines()[0] == "a: 2 runs written, 1 run without a record: tables/a"
    assert "b: 0 runs written\n" in text
    assert re.search(r"note: b/000_\w+: left out: ", text)
    assert exported("csv", "a") == (0, "a: 0 runs written, 2 were there already, 1 run without a record\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["mlfow", "a"], "error: argument TRACKER: invalid choice: 'mlfow'"),
        (["csv"], "error: the following arguments are required: FOLDER; --help shows the options"),
        (["csv", "none"], "error: none: no such folder; name the folder of a sweep, multirun/<name>"),
        (["mlflow", "a", "--uri", "mlruns"], "error: --uri=mlruns: must be http://…"),
        (["mlflow", "a", "--mode", "offline"], "error: unrecognized arguments: --mode offline; --help shows"),
    ],
)
def test_a_wrong_export_is_one_line(
    tmp_path: Path, exported: Callable[..., tuple[int, str]], arguments: list[str], line: str
) -> None:
    sweep(tmp_path / "a", seeds([0.5]))
    code, text = exported(*arguments)
    assert code == 2
    assert text.startswith(line)
    assert len(text.splitlines()) == 1


def test_nothing_is_exported_through_a_link(tmp_path: Path, exported: Callable[..., tuple[int, str]]) -> None:
    folder = sweep(tmp_path / "a", seeds([0.5]))
    (folder / "tensorboard").symlink_to(tmp_path)
    line = "error: a/tensorboard: is a symbolic link that leads out of the sweep; remove it\n"
    assert exported("tensorboard", "a") == (2, line)


def test_an_export_that_fails_is_one_line(tmp_path: Path, exported: Callable[..., tuple[int, str]]) -> None:
    folder = sweep(tmp_path / "a", seeds([0.5]))
    (folder / "csv").touch()
    assert exported("csv", "a") == (1, f"error: csv: [Errno 17] File exists: '{folder / 'csv'}'\n")


def test_the_names_of_trackers_are_those_of_the_group() -> None:
    from hpsearch.trackers.options import KINDS

    assert {file.stem for file in (CONF / "tracker").glob("*.yaml")} == {"none", *KINDS}
    for name, kind in KINDS.items():
        assert OmegaConf.load(CONF / "tracker" / f"{name}.yaml") == {name: vars(kind())}
