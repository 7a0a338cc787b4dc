"""The launcher `slurm`, with stand-ins for SLURM's programs that hold every job or run it, and with local processes."""

import gc
import os
import re
import shutil
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hpsearch.cli import confirm
from hpsearch.cli.slurm import array_task, watch
from hpsearch.cli.slurm import launcher as slurm
from hpsearch.cli.slurm import options as slurm_options
from hpsearch.cli.slurm.array_task import ArrayTask, TaskError
from hpsearch.cli.slurm.submission import submissions
from hpsearch.cli.slurm.submitted_task import SubmittedTask
from tests.cli import TINY, Cli, records, rows
from tests.cli.test_launcher import launcher_of
from tests.cli.test_search import trials
from tests.composing import sweep_cfg
from tests.fake_slurm import FakeSlurm
from tests.searching import COMPLETE, SPACE

GRID = ("-m", *TINY, "name=s", "seed=range(4)", "hydra/launcher=slurm", "hydra.launcher.lanes=2")
LATER, LOCAL = "hydra.launcher.wait=false", "hydra.launcher.executor=local"


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    """A cluster that begins no job."""
    return FakeSlurm(tmp_path / "slurm", monkeypatch, hold=True)


def living(sweep: Path) -> list[SubmittedTask]:
    """The tasks of a sweep that have not ended."""
    return [task for array in submissions(sweep) for task in array if not task.done]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SECONDS_BETWEEN_LOOKS", {"slurm": 0.1, "local": 0.1})
    monkeypatch.setattr(slurm, "SECONDS_FOR_RECORDS", 0)


@pytest.fixture
def one_thread(threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same number of threads here and in the tasks, because another number rounds in another way."""
    threads(1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_a_grid_is_one_job_array_with_a_stack_a_task(cli: Cli, held: FakeSlurm) -> None:
    shown = cli(*GRID, LATER)
    assert (shown.code, shown.err) == (0, "")
    first, second = shown.out.splitlines()
    folder = "multirun/s/tasks/0"
    assert first == f"submitted 2 tasks for 4 runs: job {held.first}; their logs are in {folder}"
    again = f"python -m hpsearch -m hydra/launcher=slurm hydra.launcher.lanes=2 {LATER} {' '.join(TINY)} name=s"
    assert second == f"to see how they are, and for the results when they have ended: {again} 'seed=range(4)'"
    (script,) = held.scripts
    assert "#SBATCH --array=0-1%2\n" in script
    assert "#SBATCH --requeue\n" in script
    assert f"#SBATCH --output={cli.folder / folder}/%A_%a_0_log.out\n" in script
    assert sorted(path.name for path in (cli.folder / folder).glob("*.json")) == [
        "jobs_0.json",
        "jobs_1.json",
        "submission.json",
    ]
    assert [len(task.keys) for task in living(cli.multirun / "s")] == [2, 2]
    assert len(list((cli.multirun / "s").glob("*_*"))) == 4  # so that a report knows of missing runs


def test_options_reach_sbatch(cli: Cli, held: FakeSlurm) -> None:
    options = {
        "partition": "cpu", "account": "lab", "qos": "long", "constraint": "a100", "exclude": "node7", "mem_gb": "12",
        "gpus_per_node": "1", "cpus_per_task": "8", "timeout_min": "90", "array_parallelism": "1",
        "setup": "['module load cuda']", "additional_parameters": "{nice: 10, oversubscribe: true, requeue: false}",
    }  # fmt: skip
    shown = cli(*GRID, LATER, *(f"hydra.launcher.{key}={value}" for key, value in options.items()))
    assert (shown.code, shown.err) == (0, "")
    (script,) = held.scripts
    lines = {
        "partition=cpu", "account=lab", "qos=long", "constraint=a100", "exclude=node7", "mem=12GB", "gpus-per-node=1",
        "cpus-per-task=8", "time=90", "array=0-1%1", "nice=10", "oversubscribe", "job-name=s",
    }  # fmt: skip
    found = {*re.findall(r"^#SBATCH --(.*)$", script, flags=re.MULTILINE)}
    assert lines <= found
    assert "requeue" not in found
    assert "\nmodule load cuda\n" in script


def test_the_same_command_submits_nothing_twice(cli: Cli, held: FakeSlurm) -> None:
    cli(*GRID, LATER)
    again = cli(*GRID, LATER)
    assert (again.code, len(held.scripts)) == (0, 1)
    assert again.out.splitlines()[0] == "submitted already: 2 tasks (2 pending)"
    larger = cli(*GRID, LATER, "seed=range(5)")
    assert (larger.code, len(held.scripts)) == (0, 2)
    assert larger.out.splitlines()[1].startswith("submitted 1 task for 1 run: job ")


def test_ctrl_c_leaves_the_tasks_and_says_how_to_end_them(
    cli: Cli, held: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ctrl_c(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch.time, "sleep", ctrl_c)
    shown = cli(*GRID)
    assert shown.code == 130
    assert shown.err.startswith(f"interrupted; the tasks go on. To end them: scancel {held.first}; to wait again: ")
    assert "configuration" not in shown.out  # no report
    assert len(living(cli.multirun / "s")) == 2


def test_sbatchs_own_message_is_the_fault_and_nothing_is_left(cli: Cli, held: FakeSlurm) -> None:
    shown = cli(*GRID, "hydra.launcher.partition=gpus")
    reason = "invalid partition specified: gpus; Batch job submission failed: Invalid partition name specified"
    assert (shown.code, shown.err) == (2, f"error: hydra/launcher=slurm: nothing was submitted: {reason}\n")
    assert os.listdir(cli.folder) == ["slurm"]


BAD = [
    ("executor=pbs", "hydra.launcher.executor=pbs: must be slurm or local"),
    ("tasks=0", "hydra.launcher.tasks=0: must be at least 1"),
    ("mem_gb=0", "hydra.launcher.mem_gb=0.0: must be above 0"),
    ("timeout_min=1h", "hydra.launcher.timeout_min=1h: Value '1h' of type 'str' could not be converted to Integer"),
    (
        "additional_parameters={open_mode: truncate}",
        "hydra.launcher.additional_parameters={'open_mode': 'truncate'}: must be parameters of sbatch, such as "
        "{nice: 10}, but none of array, error, open-mode, output, signal",
    ),
    (
        "executor=slurm",
        "hydra/launcher=slurm: no sbatch here, so this is no machine of a cluster; hydra.launcher.executor=local tries "
        "it on this machine",
    ),
]


@pytest.mark.parametrize(("option", "line"), BAD, ids=[option for option, _ in BAD])
def test_faults_are_found_before_anything_is_submitted(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, option: str, line: str
) -> None:
    monkeypatch.setenv("PATH", "")
    shown = cli(*GRID, f"hydra.launcher.{option}")
    assert (shown.code, shown.err, os.listdir(cli.folder)) == (2, f"error: {line}\n", [])


def test_without_submitit_the_extra_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_options, "find_spec", lambda name: None)
    shown = cli(*GRID)
    assert shown.code == 2
    assert shown.err == 'error: hydra/launcher=slurm: needs submitit; pip install "hpsearch[slurm]"\n'


def test_the_winner_is_confirmed_by_tasks_that_the_driver_waits_for() -> None:
    cfg = sweep_cfg("name=s", "hydra/launcher=slurm", "hydra.launcher.partition=cpu", LATER)
    record = {"overrides": ["data=digits", "seed=0"], "config": {"epochs": 1}}
    found = confirm.arguments(record, "5,6", Path("folder"), cfg)
    launcher = [line for line in found if "launcher" in line]
    assert launcher == ["hydra/launcher=slurm", "hydra.launcher.partition=cpu", LATER, "hydra.launcher.wait=true"]


def test_a_search_needs_a_storage_that_all_nodes_reach(cli: Cli, held: FakeSlurm) -> None:
    shown = cli("-m", *TINY, "name=s", "hydra/launcher=slurm", "hydra/sweeper=hpsearch", *SPACE)
    assert shown.code == 2
    assert re.fullmatch(r"error: hydra.sweeper.storage=sqlite:///multirun/hpsearch.db: must be a .*\n", shown.err)
    assert (held.scripts, os.listdir(cli.folder)) == ([], ["slurm"])


def test_the_password_of_a_storage_is_in_no_file_of_a_task(tmp_path: Path) -> None:
    url = "postgresql+psycopg://me:secret@host/base"
    cfg = sweep_cfg("name=s", "hydra/launcher=slurm", "hydra/sweeper=hpsearch", f"hydra.sweeper.storage='{url}'")
    task = array_task.of_search(cfg, tmp_path, "study")
    assert "hydra/sweeper=hpsearch" in task.arguments
    assert "secret" not in str(task)


def test_a_plan_names_the_tasks_and_needs_no_cluster(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    shown = cli(*GRID, "plan=true", "device=cuda", "precision=tf32")
    assert (shown.code, shown.err) == (0, "")
    assert "to be run: 4 runs in 2 tasks of at most 2\n" in shown.out


def test_a_record_that_was_there_before_does_not_count(tmp_path: Path) -> None:
    keys = ["00000001x", "00000002y"]
    folders = [tmp_path / f"{number:03d}_{key[:8]}" for number, key in enumerate(keys)]
    for folder in folders:
        folder.mkdir()
    (folders[0] / "record.json").write_text("failed")
    ended = watch.NewRecords(tmp_path, keys)
    assert (ended.count(), ended.missing()) == (0, {*keys})
    (folders[1] / "record.json").write_text("finished")
    assert (ended.count(), ended.missing()) == (1, {keys[0]})
    os.utime(folders[0] / "record.json", (1, 1))  # written again
    assert (ended.count(), ended.missing()) == (2, set())


@pytest.mark.parametrize(("seeds", "kept"), [(1, 1), (2, 2)])
def test_a_task_keeps_the_weights_of_configurations_whose_other_seeds_train_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeds: int, kept: int
) -> None:
    monkeypatch.chdir(tmp_path)
    launcher = launcher_of(None, "name=s")
    launcher.launch_jobs({number: [*TINY, "name=s", f"lr={lr}"] for number, lr in enumerate((0.1, 0.001))}, seeds)
    assert len(list(tmp_path.rglob("weights.safetensors"))) == kept


def test_a_task_that_does_not_see_the_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no multirun.yaml here; the sweep's folder must be shared with the nodes"):
        ArrayTask([], str(tmp_path))()


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def stopped_at_the_end(cli: Cli) -> Iterator[None]:
    """No task outlives the test."""
    yield
    for sweep in cli.multirun.glob("*"):
        for task in living(sweep):
            os.kill(int(task.id), signal.SIGTERM)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # of processes that submitit has not waited for
        gc.collect()


def without_times(sweep: Path) -> dict[str, object]:
    """The records of a sweep without the time that the runs took."""
    return {name: record | {"seconds": 0, "lanes": 0} for name, record in records(sweep).items()}


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread", "stopped_at_the_end")
def test_the_tasks_leave_what_a_stacked_sweep_leaves(cli: Cli) -> None:
    jobs = ("-m", *TINY, "name=s", "optimizer=sgd,adam", "architecture.depth=1,2", "seed=0,1")
    assert cli(*jobs).code == 0
    (cli.multirun / "s").rename(cli.folder / "stacked")
    command = (*jobs, "hydra/launcher=slurm", LOCAL, "hydra.launcher.lanes=4")
    shown = cli(*command)
    assert shown.code == 0, shown.err
    assert "submitted 2 tasks for 8 runs: processes " in shown.out
    assert shown.out.count("8 runs of 4 configurations") == 1
    sweep, stacked = cli.multirun / "s", cli.folder / "stacked"
    assert without_times(sweep) == without_times(stacked)
    assert len(rows(sweep)) == 8
    for ours in stacked.glob("*_*"):
        assert sorted(os.listdir(sweep / ours.name)) == sorted(os.listdir(ours))  # also the weights of the winner alone
        for file in (".hydra/config.yaml", ".hydra/overrides.yaml"):
            assert (sweep / ours.name / file).read_bytes() == (ours / file).read_bytes()
    before = {path: path.stat().st_mtime_ns for path in sweep.rglob("record.json")}
    assert "8 of 8 runs are already in multirun/s\n" in cli(*command).out
    assert {path: path.stat().st_mtime_ns for path in sweep.rglob("record.json")} == before


@pytest.mark.long
@pytest.mark.usefixtures("one_thread", "stopped_at_the_end")
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_a_task_that_was_ended_is_completed_by_the_same_command(cli: Cli) -> None:
    command = (
        "-m", *TINY[:-1], "batch_size=64", "name=s", "epochs=2,600", "architecture.width=64",
        "report=false", "hydra/launcher=slurm", LOCAL, "hydra.launcher.lanes=1",
    )  # fmt: skip
    assert cli(*command, LATER).code == 0
    sweep = cli.multirun / "s"
    wait_until(lambda: len(records(sweep)) == 1)
    (task,) = living(sweep)
    os.kill(int(task.id), signal.SIGTERM)
    wait_until(lambda: task.done)
    kept = records(sweep)
    assert task.reason == "ended from outside, with SIGTERM"
    shown = cli(*command)
    assert shown.code == 0, shown.err
    assert "1 of 2 runs are already in multirun/s\n" in shown.out
    found = records(sweep)
    assert len(found) == 2
    assert {name: found[name] for name in kept} == kept


@pytest.mark.long
@pytest.mark.usefixtures("one_thread", "stopped_at_the_end")
def test_a_task_that_fails_is_told_in_a_line_and_repeated_by_the_same_command(cli: Cli) -> None:
    module = cli.folder / "own.py"
    module.write_text('import os\nif "SUBMITIT_EXECUTOR" in os.environ:\n    raise RuntimeError("no licence here")\n')
    command = ("-m", *TINY, "name=s", "plugins=[own]", "hydra/launcher=slurm", LOCAL)
    shown = cli(*command)
    log = r"multirun/s/tasks/0/\d+_0_log.err"
    reason = r"plugins=\[own\]: importing it raises RuntimeError: no licence here .*"
    line = rf"error: task \d+ failed: {reason}; its log: .*{log}; the same command trains what is missing\n"
    assert shown.code == 1
    assert re.fullmatch(line, shown.err), shown.err
    module.write_text("")
    shutil.rmtree(cli.folder / "__pycache__", ignore_errors=True)
    assert cli(*command).code == 0
    assert len(records(cli.multirun / "s")) == 1


@pytest.mark.slow
def test_a_preempted_task_is_requeued_and_trains_what_is_missing(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = FakeSlurm(tmp_path / "slurm", monkeypatch, hold=False)
    command = (
        "-m", *TINY[:-1], "batch_size=64", "name=s", "epochs=2,40", "seed=0", "architecture.width=64", "report=false",
        "hydra/launcher=slurm", "hydra.launcher.lanes=2",
    )  # fmt: skip
    assert cli(*command, LATER).code == 0
    sweep = cli.multirun / "s"
    wait_until(lambda: len(records(sweep)) == 1)
    (session,) = cluster.processes().values()
    for path in Path("/proc").glob("[0-9]*"):  # of the task and of its workers, as SLURM does it
        words = (path / "cmdline").read_bytes() if path.exists() else b""
        if b"submitit.core._submit" in words and b"python" in words and os.getsid(int(path.name)) == session:
            os.kill(int(path.name), signal.SIGUSR2)
    shown = cli(*command)
    assert shown.code == 0, shown.err
    assert "submitted already: 1 task (1 running)\n" in shown.out
    assert len(cluster.scripts) == 1
    (log,) = sweep.glob("tasks/0/*_log.out")
    assert log.read_text().count("Starting with JobEnvironment") == 2
    assert len(records(sweep)) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("stopped_at_the_end")
def test_a_task_that_never_began_is_told_in_a_line(cli: Cli) -> None:
    shown = cli("-m", *TINY, "name=s", "hydra/launcher=slurm", LOCAL, "hydra.launcher.setup=[echo no module, exit 3]")
    assert shown.code == 1
    assert re.match(r"error: task \d+ failed: it left no log \(state FINISHED\), because .*setup failed; ", shown.err)
    assert (cli.multirun / "s" / "tasks" / "0" / "processes.log").read_text() == "no module\n"


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.usefixtures("one_thread", "stopped_at_the_end")
def test_two_tasks_search_on_one_study(cli: Cli) -> None:
    shown = cli(
        "-m", *TINY, "name=s", *SPACE, "hydra/sweeper=hpsearch", "hydra.sweeper.n_trials=6", "batch_size=32",
        "epochs=15", "hydra/launcher=slurm", LOCAL, "hydra.launcher.tasks=2", "hydra.launcher.lanes=1",
    )  # fmt: skip
    assert shown.code == 0, shown.err
    assert "submitted 2 tasks for 6 trials of s: processes " in shown.out
    assert "to watch: python -m hpsearch.dashboard\n" in shown.out
    found = trials(cli)
    assert [trial.state for trial in found] == [COMPLETE] * 6
    assert len({trial.user_attrs["worker"] for trial in found}) == 2
    assert len(records(cli.multirun / "s")) == 6
    assert "6 runs of 6 configurations" in shown.out
