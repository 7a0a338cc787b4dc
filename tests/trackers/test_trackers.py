"""Runs with a record in each tracker, read back by the tracker's own interface."""

import json
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from hpsearch.errors import UsageError
from hpsearch.record.folders import run_folders
from hpsearch.record.shape import Record
from hpsearch.trackers import follower, options, writer
from hpsearch.trackers.csv_tracker import Table
from hpsearch.trackers.follower import Follower
from hpsearch.trackers.ledger import FOLDER, Ledger
from hpsearch.trackers.options import Csv, Mlflow, Options, TensorBoard, Wandb
from hpsearch.trackers.run import TrackedRun, name_of, read
from hpsearch.trackers.tracker import open_tracker
from hpsearch.trackers.writer import TrackerError, Writer
from tests.made_records import entry, scored, seeds, sweep
from tests.trackers import wandb_file

of_sqlalchemy = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow uses it
in_one_process = pytest.mark.xdist_group("mlflow")  # which imports it and makes its tables
ENDED = 1_700_000_000.0  # the time of every record


def made(tmp_path: Path, entries: Sequence[Record] | None = None) -> Path:
    """A sweep of two configurations on two seeds, one that was pruned and one that failed."""
    worse = [entry(0.2, status="pruned", lr=1.0), entry(None, status="failed", lr=10.0)]
    folder = sweep(tmp_path / "multirun" / "s", entries or [*seeds([0.9, 0.92]), *seeds([0.8, 0.82], lr=0.01), *worse])
    for name in run_folders(folder):
        os.utime(folder / name / "record.json", (ENDED, ENDED))
    return folder


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables, which take seconds to be made."""
    from mlflow import MlflowClient

    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def mlflow(empty_database: Path, tmp_path: Path) -> Mlflow:
    """A database of its own for a test."""
    return Mlflow(f"sqlite:///{shutil.copy(empty_database, tmp_path / 'mlflow.db')}")


def written(name: str, folder: Path, its: Options) -> Writer:
    """The writer after it has written all runs of a sweep."""
    its_writer = Writer(name, folder, its)
    its_writer.write([folder / each for each in run_folders(folder)])
    its_writer.close()
    return its_writer


def test_tensorboard_has_curves_final_numbers_and_hyperparameters(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    folder = made(tmp_path)
    assert written("tensorboard", folder, TensorBoard()).written == 6
    first, *_, failed = (EventAccumulator(str(folder / "tensorboard" / name)).Reload() for name in run_folders(folder))
    curve = first.Scalars("val_accuracy")
    assert [(each.step, round(each.value, 3)) for each in curve] == [(1, 0.45), (2, 0.72), (3, 0.9)]
    assert [each.wall_time for each in curve] == pytest.approx([ENDED - 4 / 3, ENDED - 2 / 3, ENDED])
    assert first.Scalars("final/test_accuracy")[0].value == pytest.approx(0.9)
    assert b"configuration: 0" in first.Tensors("run/text_summary")[0].tensor_proto.string_val[0]
    plugin = first.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    start = metadata.parse_session_start_info_plugin_data(plugin)
    assert (start.group_name, start.start_time_secs) == ("s, configuration 0", ENDED - 2)
    assert (start.hparams["lr"].number_value, start.hparams["optimizer.name"].string_value) == (0.1, "sgd")
    content = failed.SummaryMetadata(metadata.SESSION_END_INFO_TAG).plugin_data.content
    assert metadata.parse_session_end_info_plugin_data(content).status == 2  # failed


def test_tensorboards_own_tab_averages_the_seeds_of_a_configuration(tmp_path: Path) -> None:
    """As its HParams tab asks, with the interface that serves it."""
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

    folder = made(tmp_path)
    written("tensorboard", folder, TensorBoard())
    events = EventMultiplexer().AddRunsFromDirectory(str(folder / "tensorboard"))
    events.Reload()
    context = backend_context.Context(TBContext(data_provider=MultiplexerDataProvider(events, str(folder))))
    wanted = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=10, aggregation_type="AGGREGATION_AVG")
    wanted.allowed_statuses.extend([1, 2])
    wanted.col_params.add(metric={"tag": "final/test_accuracy"})
    metrics = context.experiment_from_metadata(RequestContext(), "", True, {}, []).metric_infos
    handler = list_session_groups.Handler(RequestContext(), context, "", wanted)
    groups = {group.name: group for group in handler.run().session_groups}
    assert {len(group.sessions) for group in groups.values()} == {1, 2}
    values = {m.name.tag: m.value for m in groups["s, configuration 0"].metric_values}
    assert values["final/test_accuracy"] == pytest.approx(0.91)
    assert metrics is not None


@of_sqlalchemy
@in_one_process
def test_mlflow_has_a_run_below_that_of_the_sweep(tmp_path: Path, mlflow: Mlflow) -> None:
    from mlflow import MlflowClient

    folder = made(tmp_path)
    assert written("mlflow", folder, replace(mlflow, experiment="mine")).where == f"{mlflow.uri}, experiment mine"
    client = MlflowClient(mlflow.uri)
    experiment = client.get_experiment_by_name("mine")
    assert experiment is not None
    found = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    parent, runs = found.pop("s"), [found[name] for name in run_folders(folder)]
    assert len(found) == 6
    assert {run.data.tags["mlflow.parentRunId"] for run in runs} == {parent.info.run_id}
    assert [run.info.status for run in runs] == [*["FINISHED"] * 4, "KILLED", "FAILED"]
    assert [run.data.tags["configuration"] for run in runs] == ["0", "0", "1", "1", "2", "3"]
    assert [run.data.tags["seed"] for run in runs] == ["0", "1", "0", "1", "0", "0"]
    first = runs[0]
    assert (first.info.start_time, first.info.end_time) == (1000 * (ENDED - 2), 1000 * ENDED)
    assert {"sweep": "s", "status": "finished"}.items() <= first.data.tags.items()
    assert first.data.params["lr"] == "0.1"
    curve = client.get_metric_history(first.info.run_id, "val_accuracy")
    assert [(each.step, each.value) for each in curve] == [(1, 0.45), (2, pytest.approx(0.72)), (3, 0.9)]
    assert first.data.metrics["final/test_accuracy"] == 0.9
    assert parent.info.status == "FINISHED"


def test_weights_and_biases_has_a_run_in_the_group_of_the_sweep(tmp_path: Path) -> None:
    import wandb

    folder = made(tmp_path, [entry(0.9), entry(None, status="failed", lr=10.0)])
    written("wandb", folder, Wandb(mode="offline", folder=str(tmp_path)))
    wandb.teardown()  # as at the end of a command: its own process writes the files, some after finish() returns
    found = [wandb_file.read(file) for file in tmp_path.glob("wandb/offline-run-*/*.wandb")]
    (first, code), failed = sorted(((each, each[4]) for each in found), key=lambda each: each[1])
    run, config, history, summary, _ = first
    assert (run.project, run.run_group, run.display_name) == ("hpsearch", "s", run_folders(folder)[0])
    assert [*run.tags] == ["finished", "configuration 0", "seed 0"]
    assert {"lr": 0.1, "configuration": 0, "seed": 0, "status": "finished"}.items() <= config.items()
    assert [each["val_accuracy"] for each in history] == pytest.approx([0.45, 0.72, 0.9])
    assert [each["_timestamp"] for each in history] == pytest.approx([ENDED - 4 / 3, ENDED - 2 / 3, ENDED])
    assert summary["final/test_accuracy"] == 0.9
    assert (code, failed[1]) == (0, 1)


def test_csv_has_a_table_of_runs_and_one_of_curves(tmp_path: Path) -> None:
    folder = made(tmp_path)
    written("csv", folder, Csv())
    runs, curves = (pd.read_csv(folder / "csv" / name) for name in ("runs.csv", "curves.csv"))
    assert list(runs.run) == run_folders(folder)
    assert list(runs.lr) == [0.1, 0.1, 0.01, 0.01, 1.0, 10.0]
    assert list(runs.configuration) == [0, 0, 1, 1, 2, 3]
    assert list(runs.test_accuracy[:4]) == [0.9, 0.92, 0.8, 0.82]
    assert set(runs.ended) == {ENDED}
    assert list(curves[curves.run == runs.run[1]].val_accuracy) == pytest.approx([0.46, 0.736, 0.92])
    assert list(curves.columns) == ["run", "epoch", "train_loss", "val_loss", "val_accuracy"]


def test_a_table_takes_new_columns_and_a_run_again_and_outlives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    Table(path).write("a", [{"x": 1}])
    Table(path).write("b", [{"x": 2, "y": "=1+1"}, {"x": 3}])
    table = Table(path)
    table.write("a", [{"x": 4}])
    with path.open("a") as file:
        file.write("c,5")  # and then a kill
    table.write("d", [{"x": 6}])
    assert path.read_text() == "run,x,y\nb,2,'=1+1\nb,3,\na,4,\nd,6,\n"


@of_sqlalchemy
@in_one_process
@pytest.mark.parametrize("name", options.KINDS)
def test_a_run_is_written_once_until_it_is_trained_again(
    tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    folder, its = made(tmp_path, seeds([0.5, 0.6])), options.KINDS[name]()
    if name == "mlflow":
        its = request.getfixturevalue("mlflow")
    elif name == "wandb":
        its = Wandb(mode="offline", folder=str(tmp_path))
    assert written(name, folder, its).written == 2
    assert written(name, folder, its).written == 0
    (folder / run_folders(folder)[0] / "record.json").write_text(json.dumps(entry(0.8, seed=0)))
    sweep(folder, [entry(0.7, seed=9)])
    assert written(name, folder, its).written == 2
    moved = folder.rename(tmp_path / "moved")
    assert written(name, moved, its).written == 0


@of_sqlalchemy
@in_one_process
def test_a_kill_between_mlflow_and_the_ledger_leaves_no_second_run(tmp_path: Path, mlflow: Mlflow) -> None:
    from mlflow import MlflowClient

    folder = made(tmp_path, seeds([0.5, 0.6]))
    written("mlflow", folder, mlflow)
    client, parent = MlflowClient(mlflow.uri), ""
    for run in client.search_runs(["1"]):
        parent = run.data.tags.get("mlflow.parentRunId", parent)
    unfinished = client.create_run("1", tags={"mlflow.parentRunId": parent}).info.run_id
    (folder / FOLDER / "mlflow.jsonl").write_text('{"run": "torn')
    assert written("mlflow", folder, mlflow).written == 2
    names = [run.info.run_name for run in client.search_runs(["1"])]
    assert sorted(names) == [*run_folders(folder), "s"]
    assert client.get_run(unfinished).info.lifecycle_stage == "deleted"
    assert len((folder / FOLDER / "mlflow.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize("name", ["tensorboard", "csv"])
def test_what_the_user_has_removed_is_written_again(tmp_path: Path, name: str) -> None:
    folder = made(tmp_path, seeds([0.5, 0.6]))
    written(name, folder, options.KINDS[name]())
    shutil.rmtree(folder / name)
    assert written(name, folder, options.KINDS[name]()).written == 2


def test_two_commands_of_a_sweep_write_a_run_once(tmp_path: Path) -> None:
    folder = made(tmp_path, seeds([0.1] * 20))
    first, second = Writer("csv", folder, Csv()), Writer("csv", folder, Csv())
    folders = [folder / name for name in run_folders(folder)]
    threads = [threading.Thread(target=each.write, args=[folders]) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first.written + second.written == 20
    assert list(pd.read_csv(folder / "csv" / "runs.csv").run) == run_folders(folder)


def test_a_run_of_a_metric_of_ones_own(tmp_path: Path) -> None:
    folder = made(tmp_path, [scored(3.5, further={"val_r2": 0.5})])
    run = read(folder / run_folders(folder)[0])
    assert run.metrics.items() >= {"test_rmse": 3.5, "val_r2": 0.5, "epoch": 3.0}.items()
    assert [*run.curves] == ["train_loss", "val_loss", "val_rmse"]


def test_a_run_says_what_repeats_it(tmp_path: Path) -> None:
    record = entry(None, status="failed")
    record["reason"] = "no connection to postgresql://me:secret@host"
    folder = made(tmp_path, [record])
    run = read(folder / run_folders(folder)[0])
    assert run.tags(3) == {
        "sweep": "s", "configuration": "3", "seed": "0", "status": "failed", "git_commit": "c0ffee",
        "command": "python -m hpsearch lr=0.1 seed=0", "reason": "no connection to postgresql://me:***@host",
        "device": "a processor", "versions": "python=3.11 torch=2.13.0",
    }  # fmt: skip


def test_the_sweep_of_a_winner_is_named_after_its_sweep(tmp_path: Path) -> None:
    assert name_of(tmp_path / "x") == "x"
    (tmp_path / "multirun.yaml").touch()
    assert name_of(tmp_path / "confirm") == f"{tmp_path.name}/confirm"


def test_a_record_that_is_none_is_left_out(tmp_path: Path) -> None:
    folder = made(tmp_path, seeds([0.5, 0.6]))
    first, second = run_folders(folder)
    (folder / first / "record.json").write_text("{")
    (folder / second / "record.json").unlink()
    found = written("csv", folder, Csv())
    assert (found.written, [*found.damaged], found.missing) == (0, [first], {second})
    assert not (folder / FOLDER).exists()


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    folder = made(tmp_path, seeds([0.5]))
    (folder / FOLDER).mkdir()
    (folder / FOLDER / "csv.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TrackerError):
        written("csv", folder, Csv())
    assert not (tmp_path / "elsewhere").exists()


def test_numbers_of_configurations_are_those_of_all_trackers(tmp_path: Path) -> None:
    first, second = Ledger(tmp_path, "csv", ""), Ledger(tmp_path, "mlflow", "x")
    assert [first.number_of("a"), second.number_of("b"), second.number_of("a"), first.number_of("b")] == [0, 1, 0, 1]
    assert first.sweep_id() == second.sweep_id()


def test_a_sweep_has_another_identity_than_a_hostile_one(tmp_path: Path) -> None:
    """Because the identity stands in a query."""
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "sweep.jsonl").write_text(json.dumps({"id": "' OR tags.x = '"}) + "\n[]\n")
    assert re.fullmatch("[0-9a-f]{16}", Ledger(tmp_path, "csv", "").sweep_id())


# a tracker that fails or hangs


class Broken:
    """A tracker that does what it is told."""

    where = "nowhere"

    def __init__(self, act: Callable[[], None]) -> None:
        self.act, self.closed = act, False

    def write(self, run: TrackedRun, configuration: int) -> None:
        self.act()

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], Broken]:
    """Puts such a tracker in the place of every other."""

    def put(act: Callable[[], None]) -> Broken:
        tracker = Broken(act)
        monkeypatch.setattr(writer, "open_tracker", lambda *args: tracker)
        monkeypatch.setattr(follower, "SECONDS_BETWEEN_LOOKS", 0.01)
        return tracker

    return put


def followed(folder: Path) -> Follower:
    return Follower(Writer("csv", folder, Csv()), lambda: [folder / n for n in run_folders(folder)], "the command")


def test_runs_are_written_while_the_sweep_runs(tmp_path: Path, broken: Any) -> None:
    tracker = broken(lambda: None)
    folder = made(tmp_path, seeds([0.5, 0.6]))
    following = followed(folder)
    time.sleep(0.1)
    assert not (folder / FOLDER).exists()  # before the first run has ended
    sweep(folder, [entry(0.7, seed=9)])
    until = time.monotonic() + 10
    while len(Ledger(folder, "csv", "").new_marks()) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    sweep(folder, [entry(0.7, seed=8)])
    assert not tracker.closed
    assert following.finish() == "tracker=csv: 4 runs in nowhere"
    assert tracker.closed


@pytest.mark.parametrize("error", [OSError("no space"), ValueError("no login\nhere"), SystemExit(3)], ids=repr)
def test_a_tracker_that_fails_costs_one_line(
    tmp_path: Path, broken: Any, error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    broken(fail)
    assert followed(made(tmp_path)).finish() is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: tracker=csv: ")
    assert line.endswith("; the runs are kept, the command writes them later")


def test_a_tracker_that_hangs_costs_one_line(
    tmp_path: Path, broken: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    over = threading.Event()
    broken(over.wait)
    monkeypatch.setattr(follower, "PATIENCE", 0.2)
    assert followed(made(tmp_path)).finish() is None
    over.set()
    (line,) = capsys.readouterr().err.splitlines()
    assert "no answer for 0 s" in line


def test_mlflow_without_a_server_fails_soon(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(TrackerError, match="http://127.0.0.1:9 does not answer \\(NewConnectionError"):
        written("mlflow", made(tmp_path), Mlflow("http://127.0.0.1:9"))
    assert time.monotonic() - began < 20


def test_weights_and_biases_without_a_login_fails_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    with pytest.raises(TrackerError, match="no login; run wandb login, or set WANDB_API_KEY"):
        written("wandb", made(tmp_path), Wandb(mode="online"))


# options


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            {"mlflow": {"uri": "mlruns"}},
            "tracker.mlflow.uri=mlruns: must be http://…, https://…, sqlite:///… or ",
        ),
        ({"mlflow": {"uri": "file:///x"}}, "tracker.mlflow.uri=file:///x: must be http://…, https://…, sqlite:///…"),
        ({"mlflow": {"uri": "https://me:pw@x"}}, "tracker.mlflow.uri=https://me:***@x: must be without a password; "),
        ({"mlflow": {"experiment": ""}}, "tracker.mlflow.experiment=: must be a text"),
        ({"mlflow": {"url": "x"}}, "tracker.mlflow.url=x: no such option; tracker=mlflow has uri, experiment"),
        ({"wandb": {"mode": "of"}}, "tracker.wandb.mode=of: must be one of online, offline, or null"),
        ({"wandb": {"project": "a/b"}}, "tracker.wandb.project=a/b: must be a name of at most 128 characters"),
        ({"tensorboard": {"folder": "/dev/null/x"}}, "tracker.tensorboard.folder=/dev/null/x: cannot be written"),
        ({"csv": {"folder": 3}}, "tracker.csv.folder=3: must be a text"),
        ({"csv": 3}, "tracker.csv=3: must be a mapping of folder"),
        ({"neptune": {}}, "tracker=neptune: must be one of none, tensorboard, mlflow, wandb, csv"),
    ],
)
def test_a_wrong_option_is_one_line(given: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        options.read(given)
    (fault,) = caught.value.faults
    assert fault.startswith(line)


def test_a_package_that_is_not_installed_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a folder of its name lies, as the package itself makes."""
    (tmp_path / "wandb").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    with pytest.raises(UsageError, match=r'^tracker=wandb: the package wandb is not installed; pip install "hpsearch'):
        options.read({"wandb": {}})


def test_every_tracker_can_be_opened(tmp_path: Path) -> None:
    for name in ("tensorboard", "csv"):
        assert name in open_tracker(name, tmp_path, "0" * 16, options.KINDS[name]()).where


def test_a_database_in_another_working_directory_is_another_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    here = Mlflow().place
    assert here == Mlflow("sqlite:///mlflow.db").place
    monkeypatch.chdir(tmp_path)
    assert Mlflow().place == f"{tmp_path / 'mlflow.db'} experiment=hpsearch" != here
