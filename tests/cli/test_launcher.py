"""The launcher `stacked`: a run leaves what Hydra's own would leave, and tasks that cannot be stacked run as under
Hydra's basic launcher, by Hydra's conformance suites."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)
from hydra.types import HydraContext
from omegaconf import DictConfig

from hpsearch.cli import task_function
from hpsearch.cli.launcher import StackedLauncher
from hpsearch.engine.spec import LaneSpec
from hpsearch.errors import SweepError, UsageError
from tests.cli import TINY, Cli, records, rows
from tests.composing import loader, sweep_cfg
from tests.task.test_train import break_runs

Plugins.instance()  # Hydra's suites restore its singletons, which must have all plugins then


class Notes:
    """Callbacks of a user: what they are called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, str]] = []
        self.returns: dict[int, JobReturn] = {}

    def on_job_start(self, config: DictConfig, *, task_function: object) -> None:
        assert task_function == task_of_hpsearch
        assert HydraConfig.get().runtime.output_dir == config.hydra.runtime.output_dir
        self.calls.append(("start", config.hydra.job.num, config.hydra.runtime.output_dir))

    def on_job_end(self, config: DictConfig, job_return: JobReturn) -> None:
        self.calls.append(("end", config.hydra.job.num, config.hydra.runtime.output_dir))
        self.returns[config.hydra.job.num] = job_return


task_of_hpsearch = task_function.Task()


def launcher_of(callbacks: Any, *overrides: str) -> StackedLauncher:
    """The launcher of a sweep with these settings, as Hydra sets it up."""
    launcher = StackedLauncher(lanes=48)
    context = HydraContext(config_loader=loader(), callbacks=callbacks)
    launcher.setup(hydra_context=context, task_function=task_function.Task(), config=sweep_cfg(*overrides))
    return launcher


def launch(jobs: Sequence[Sequence[str]], *overrides: str, callbacks: Any = None, first: int = 0) -> list[JobReturn]:
    """Launch jobs of a tiny net into the working directory's ``multirun/s``."""
    named = ["+hydra.callbacks.notes._target_=tests.cli.test_launcher.Notes"] * (callbacks is not None)
    launcher = launcher_of(callbacks, "name=s", *named, *overrides)
    return list(launcher.launch([[*TINY, "name=s", *job] for job in jobs], first))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That of the sweep."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "multirun" / "s"


def test_launch_returns_in_order_and_calls_the_callbacks_in_pairs(folder: Path, threads: Callable[[int], None]) -> None:
    threads(1)  # several processes end runs in any order
    notes = Notes()
    jobs = [[f"seed={seed}", f"epochs={3 - seed}"] for seed in range(3)]  # the last one ends first
    returns = launch(jobs, callbacks=notes, first=4)
    entries = records(folder)
    accuracies = [entry["metrics"]["val_accuracy"] for entry in entries.values()]
    assert [entry["config"]["seed"] for entry in entries.values()] == [0, 1, 2]
    assert [returned.return_value for returned in returns] == accuracies
    assert [returned.status for returned in returns] == [JobStatus.COMPLETED] * 3
    assert [returned.overrides for returned in returns] == [[*TINY, "name=s", *job] for job in jobs]
    assert [number for call, number, _ in notes.calls if call == "start"] == [4, 5, 6]
    assert [number for call, number, _ in notes.calls if call == "end"] == [6, 5, 4]
    assert [call for call, _, _ in notes.calls] == ["start"] * 3 + ["end"] * 3
    folders = {4 + place: str(folder / name) for place, name in enumerate(entries)}
    assert {number: output for _, number, output in notes.calls} == folders
    assert {number: returned.return_value for number, returned in notes.returns.items()} == dict(
        enumerate(accuracies, start=4)
    )


def test_a_run_that_fails_is_returned_as_a_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(run: LaneSpec) -> bool:
        return run.seed == 0

    break_runs(monkeypatch, broken)
    notes = Notes()
    failed, finished = launch([["seed=0"], ["seed=1"]], callbacks=notes)
    assert (failed.status, finished.status) == (JobStatus.FAILED, JobStatus.COMPLETED)
    with pytest.raises(SweepError, match="the run failed: MemoryError: no memory for this one; its log has"):
        _ = failed.return_value
    assert notes.returns[0].status is JobStatus.FAILED
    (log,) = folder.glob("*/hpsearch.log")
    assert "Traceback (most recent call last)" in log.read_text()


def test_a_job_may_refer_to_hydras_part(folder: Path) -> None:
    launch([["lr=0.${hydra.job.num}1", "architecture.depth=${epochs}", f"seed={seed}"] for seed in (0, 1)])
    configs = [entry["config"] for entry in records(folder).values()]
    assert [(config["lr"], config["architecture"]["depth"]) for config in configs] == [(0.01, 2), (0.11, 2)]
    for path in folder.glob("*/.hydra/config.yaml"):
        assert "lr: 0.${hydra.job.num}1\n" in path.read_text()
        assert "hydra" not in yaml.safe_load(path.read_text())


def test_runs_that_are_done_are_no_jobs(folder: Path) -> None:
    first = launch([["seed=0"], ["seed=1"]])
    notes = Notes()
    again = launch([["seed=0"], ["seed=1"], ["seed=2"]], callbacks=notes)
    assert [returned.return_value for returned in again[:2]] == [returned.return_value for returned in first]
    assert {number for _, number, _ in notes.calls} == {2}


JOBLIB = pytest.param(("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"), marks=pytest.mark.long)


@pytest.mark.parametrize("launcher", [("hydra/launcher=basic",), JOBLIB])
def test_a_stacked_run_gives_and_leaves_what_a_run_under_another_launcher_does_and_no_more(
    cli: Cli, launcher: tuple[str, ...]
) -> None:
    command = ("-m", *TINY, "name=s", "optimizer=sgd,adam")
    assert cli(*command, "hydra.launcher.lanes=1").code == 0
    (cli.multirun / "s").rename(cli.folder / "stacked")
    shown = cli(*command, *launcher)
    assert shown.code == 0, shown.err
    stock, stacked = records(cli.multirun / "s"), records(cli.folder / "stacked")
    assert list(stock) == list(stacked)
    for name, entry in stock.items():
        tolerance = 1e-5 if "joblib" in launcher[0] else 0  # joblib's workers have another number of threads
        for metric, values in entry["history"].items():
            assert values == pytest.approx(stacked[name]["history"][metric], rel=tolerance)
    assert len(rows(cli.multirun / "s")) == 2
    before = {path: path.stat().st_mtime_ns for path in (cli.multirun / "s").glob("*/record.json")}
    assert cli(*command, *launcher).code == 0
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    for ours in (cli.folder / "stacked").glob("*_*"):
        theirs = cli.multirun / "s" / ours.name
        files, kept = {*os.listdir(ours)}, {"weights.safetensors", "predictions.npz"}
        assert files - kept == {".hydra", "record.json"}  # no log without anything to log
        assert files & kept == {*os.listdir(theirs)} & kept
        assert sorted(os.listdir(ours / ".hydra")) == ["config.yaml", "overrides.yaml"]
        for name in ("config.yaml", "overrides.yaml"):
            one, other = (yaml.safe_load((run / ".hydra" / name).read_text()) for run in (ours, theirs))
            assert one == other, (ours, name)


@pytest.mark.parametrize(("subdir", "left"), [("null", []), ("other", ["other"])])
def test_the_folder_of_the_configuration_can_be_chosen(folder: Path, subdir: str, left: list[str]) -> None:
    launch([["seed=0"]], f"hydra.output_subdir={subdir}")
    (run,) = folder.iterdir()
    assert sorted(os.listdir(run)) == [*left, "record.json", "weights.safetensors"]
    assert all(sorted(os.listdir(run / name)) == ["config.yaml", "overrides.yaml"] for name in left)


BAD = [
    (
        "+hydra.job.env_set.A=1",
        "hydra.job.env_set={'A': '1'}: must be empty under hydra/launcher=stacked; hydra",
    ),
    ("hydra.job.chdir=true", "hydra.job.chdir=true: must be false under hydra/launcher=stacked; hydra/launcher=basic"),
]


@pytest.mark.parametrize(("override", "line"), BAD, ids=[override for override, _ in BAD])
def test_settings_that_a_stack_cannot_honour_are_refused(override: str, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        launcher_of(None, *TINY, override)
    (fault,) = caught.value.faults
    assert fault.startswith(line)


def test_the_command_refuses_them_in_one_line_and_leaves_nothing(cli: Cli) -> None:
    for override, line in BAD[:3]:
        shown = cli("-m", *TINY, "seed=0,1", override)
        assert shown.code == 2
        assert shown.err.startswith(f"error: {line}")
        assert shown.err.count("\n") == 1
        assert os.listdir(cli.folder) == []


def test_every_job_logging_of_hydra_works(cli: Cli) -> None:
    for logging in ("disabled", "none", "stdout"):
        shown = cli("-m", *TINY, f"name={logging}", "seed=0", f"hydra/job_logging={logging}")
        assert (shown.code, shown.err) == (0, "")
        (run,) = (cli.multirun / logging).glob("*_*")
        assert sorted(os.listdir(run)) == [".hydra", "predictions.npz", "record.json", "weights.safetensors"]


def test_the_launcher_is_found_as_a_plugin() -> None:
    assert StackedLauncher in Plugins.instance().discover(Launcher)


@pytest.mark.parametrize(("launcher_name", "overrides"), [("stacked", [])])
class TestStackedLauncher(LauncherTestSuite):
    pass


@pytest.mark.parametrize(("launcher_name", "overrides"), [("stacked", ["hydra.sweeper.max_batch_size=2"])])
class TestStackedLauncherInBatches(BatchedSweeperTestSuite):
    pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [({}, ["-m", "hydra/launcher=stacked", "hydra.hydra_logging.formatters.simple.format='[HYDRA] %(message)s'"])],
)
class TestStackedLauncherIntegration(IntegrationTestSuite):
    pass
