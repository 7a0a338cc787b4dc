"""Scripts as commands: `hpsearch.main`, in this process and as a user starts them."""

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

import hpsearch
from hpsearch.cli.script_main import ScriptMain
from hpsearch.errors import SweepError, UsageError
from hpsearch.record.file import read_record
from hpsearch.record.folders import run_folders
from hpsearch.record.shape import Record
from hpsearch.script.function import imported
from tests import scripts
from tests.scripts import called, curve, ends, hangs, loads, makes, refers, returns, score, starts, surroundings
from tests.searching import trials_of

SCRIPT = Path(scripts.__file__)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def records(sweep: str) -> list[Record]:
    folder = Path("multirun", sweep)
    found = [read_record(folder / name) for name in run_folders(folder)]
    return [record for record in found if record is not None]


def test_a_grid_of_a_script_is_judged_like_any_other() -> None:
    found = curve.sweep("lr=0.1,0.3", "model=small,large", "seed=range(6)", "name=g")
    assert len(found.records) == 24
    for record in found.records:
        config = record["config"]
        assert config["script"] == {"name": "scripts-curve"}
        values = [score(config["lr"], config["seed"], epoch) for epoch in range(4)]
        assert record["history"]["val_accuracy"] == values
        assert record["history"]["train_loss"] == [1 / (epoch + 1) for epoch in range(4)]
        assert record["metrics"]["test_accuracy"] == values[-1] - 0.01
        assert record["epoch"] == 4
    assert set(found.table.model) == {"small", "large"}
    assert "lr=0.3" in found.verdict.split("is best")[0]
    folder = found.folder / run_folders(found.folder)[0]
    assert (folder / "scripts.log").read_text().count("epoch") == 4
    assert (folder / ".hydra" / "overrides.yaml").exists()
    page = (found.folder / "report" / "index.html").read_text()
    assert "scripts.py -m lr=" in page


def test_a_second_command_trains_nothing_again(capfd: pytest.CaptureFixture[str]) -> None:
    first = [record["key"] for record in curve.sweep("lr=0.1,0.3", "name=g", "report=false").records]
    again = curve.sweep("lr=0.1,0.3,0.5", "name=g", "report=false")
    assert "2 of 3 runs are already in multirun/g" in capfd.readouterr().out
    assert [record["key"] for record in again.records][:2] == first


def test_one_run_trains_in_this_process() -> None:
    found = curve.train("lr=0.2", "name=one")
    (record,) = found.records
    assert record["overrides"] == ["lr=0.2", "name=one"]
    assert record["history"]["epoch"] == [0, 1, 2, 3]
    assert "There is nothing to compare it with" in found.verdict
    assert "scripts.py lr=0.2 name=one" in (found.folder / "report" / "index.html").read_text()


def test_another_primary_configuration_is_as_good(capfd: pytest.CaptureFixture[str]) -> None:
    (record,) = curve.train("--config-name=other", "name=o").records
    assert record["config"]["lr"] == 0.2
    assert record["overrides"][0] == "--config-name=other"


def test_a_search_prunes_and_resumes() -> None:
    search = ("hydra/sweeper=hpsearch", "lr=interval(0.01,1)", "hydra/sweeper/pruner=one_epoch", "epochs=6")
    cohort = ("hydra.launcher.processes=4", "hydra.sweeper.pruner.cohort=2", "hydra.sweeper.pruner.keep=1")
    more = ("hydra.sweeper.seeds=[0,1]", "name=s", "report=false", *cohort)
    curve.sweep(*search, *more, "hydra.sweeper.n_trials=8")
    statuses = {record["status"] for record in records("s")}
    assert len(records("s")) == 16
    assert statuses == {"finished", "pruned"}
    pruned = [record for record in records("s") if record["status"] == "pruned"]
    assert len(pruned) == 8
    assert {len(record["history"]["val_accuracy"]) for record in pruned} == {1}
    assert {record["metrics"]["test_accuracy"] for record in pruned} == {None}
    curve.sweep(*search, *more, "hydra.sweeper.n_trials=10")
    assert len(records("s")) == 20


def test_one_run_that_ends_badly_costs_no_other(capfd: pytest.CaptureFixture[str]) -> None:
    hows = ["good", "raise", "exit", "nothing", "crash", "killed once"]
    with pytest.raises(SweepError):
        ends.sweep(f"+how={','.join(hows)}", "name=e", "report=false")
    found = {str(record["config"]["how"]): record for record in records("e")}
    assert list(found) == hows
    reasons = {how: record["reason"] for how, record in found.items()}
    assert reasons == {
        "good": None,
        "raise": "KeyError: 'wrong'",
        "exit": "Exited: sys.exit(4) was called",
        "nothing": None,
        "crash": "WorkerLost: its process was ended by SIGSEGV",
        "killed once": None,
    }
    assert found["killed once"]["history"]["val_loss"] == found["good"]["history"]["val_loss"] == [10, 9, 8, 7, 6]
    assert len(found["nothing"]["history"]["val_loss"]) == 3
    folders = {str(read_record(path)["config"]["how"]): path for path in Path("multirun/e").glob("0*")}
    assert 'raise KeyError("wrong")' in (folders["raise"] / "hpsearch.log").read_text()
    assert "ends" in (folders["crash"] / "hpsearch.log").read_text()
    assert not (folders["good"] / "resume").exists()
    assert (folders["raise"] / "resume").exists()


def test_an_objective_that_no_run_reports_is_told_with_those_that_are() -> None:
    search = ("hydra/sweeper=hpsearch", "lr=interval(0.01,1)", "hydra.sweeper.n_trials=1", "report=false", "name=o")
    reports = "a run has no number of this name; it has train_loss, val_accuracy"
    with pytest.raises(SweepError, match=f"hydra.sweeper.objective=val_loss: {reports}"):
        curve.sweep(*search, "hydra.sweeper.objective=val_loss")


def test_a_function_ends_its_processes_and_those_of_a_crash_end_with_it() -> None:
    with pytest.raises(SweepError):
        starts.sweep("+crash=false,true", "name=p", "report=false")
    ended, crashed = sorted(records("p"), key=lambda record: bool(record["config"]["crash"]))
    assert ended["metrics"]["val_reward"] == -signal.SIGTERM
    assert crashed["reason"] == "WorkerLost: its process was ended by SIGABRT"
    for pid in [int(path.read_text()) for path in Path("multirun/p").glob("*/sleeper")]:
        stat = Path(f"/proc/{pid}/stat")
        assert not stat.exists() or stat.read_text().split()[2] == "Z"


def test_a_value_that_refers_to_another_key_makes_no_configuration_and_no_column_and_best_yaml_is_the_winner() -> None:
    found = refers.sweep("rule=adam,sgd", "lr=0.1,0.2", "seed=range(3)", "name=r")
    assert found.verdict.startswith("rule=sgd lr=0.2 is best: reward 1.11")
    assert (len(found.table), list(found.table.columns[:2]), set(found.table.n)) == (4, ["rule", "lr"], {3})
    assert found.records[0]["config"]["rule"] == {"lr": "${lr}", "betas": [0.9, 0.99]}
    (best,) = refers.train("--config-dir=multirun/r", "--config-name=best").records
    winner = next(record for record in found.records if record["overrides"][:3] == ["rule=sgd", "lr=0.2", "seed=0"])
    assert (best["config"], best["metrics"]) == (winner["config"], winner["metrics"])


def test_a_reference_and_a_value_of_one_key_are_two_configurations() -> None:
    refers.sweep("lr=0.1,0.2", "+tag='${lr} ${seed}'", "name=r", "report=false", "seed=range(2)")
    found = refers.sweep("lr=0.1,0.2", "rule.lr=0.3", "+tag='${lr} ${seed}'", "name=r", "report=false", "seed=range(2)")
    columns = found.table[["lr", "rule.lr", "n"]].sort_values(["lr", "n"], kind="stable")
    assert columns.values.tolist() == [[0.1, "${lr}", 2], [0.1, 0.3, 2], [0.2, "${lr}", 2], [0.2, 0.3, 2]]
    with pytest.raises(
        UsageError, match=r"^tag=\$\{oc.select:seed\}: must give no seed to a resolver, or each seed is"
    ):
        refers.train("+tag='${oc.select:seed}'")


def test_a_script_without_a_test_part_gets_no_claim() -> None:
    found = returns.sweep("+x=1,2", "seed=range(8)", "name=r")
    assert found.verdict.startswith(
        "x=2 is best: reward 5.5 ± 2.4 on validation over 8 seeds, 1.000 above the next, x=1. "
        "Nothing was tested, so nothing tells whether that is real: report it by run.finish(test_reward=…)."
    )


@pytest.mark.parametrize(
    ("script", "line", "said"),
    [
        (curve, "lrr=0.1", "lrr: is no key of this configuration; +lrr=… adds it"),
        (curve, "model=huge", "model=huge: must be one of large, small"),
        (curve, "--config-name=nope", "Could not load 'nope'."),
        (curve, "confirm=-1", "confirm=-1: must be"),
        (curve, "name=a/b", "name=a/b: must be the name of a folder"),
        (
            curve,
            "plan={a:1}",
            "plan={'a': 1}: must be true or false; hpsearch has this key, so yours",
        ),
        (curve, "seed=x", "seed=x: must be a whole number; hpsearch has this key"),
        (curve, "seed=99999999999999999999", "seed=99999999999999999999: must be"),
        (curve, "+weights=a.pt", "weights: cannot be a key of a script"),
        (curve, "+x=nan", "x=nan: must be a finite number"),
        (curve, "name=a,b", "name=a,b: must be one value"),
        (curve, "script.path=evil.py", "hpsearch has this key for itself; yours needs another name"),
        (curve, "script.name=x,y", "no run reads a key of this name"),
        (curve, "seed=1,true", "seed=true: must be a whole number"),
        (curve, "hydra.launcher.processes=0", "hydra.launcher.processes=0: must be at least 1"),
        (
            curve,
            "hydra/sweeper=hpsearch hydra/sweeper/pruner=one_epoch hydra.sweeper.pruner.cohort=27 lr=interval(0,1)",
            "a cohort takes 27 processes",
        ),
    ],
)
def test_a_wrong_command_is_one_line_and_trains_nothing(script: ScriptMain, line: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        script.sweep(*line.split(), *([] if line.startswith("name=") else ["name=w"]))
    assert said in str(error.value)
    assert not list(Path().glob("multirun/*/*/record.json"))


def test_several_objectives_may_be_any_values_that_a_script_reports() -> None:
    search = ("hydra/sweeper=hpsearch", "lr=interval(0,1)", "hydra.sweeper.n_trials=3", "name=m", "report=false")
    objectives = "hydra.sweeper.objective=[val_accuracy,train_loss]"
    curve.sweep(*search, objectives, "hydra.sweeper.direction=[maximize,minimize]")
    found = {trial.number: trial.values for trial in trials_of("sqlite:///multirun/hpsearch.db", "m")}
    told = [[r["metrics"]["val_accuracy"], r["metrics"]["train_loss"]] for r in records("m")]
    assert sorted(found.values()) == sorted(told)
    for line, said in (
        (objectives, "hydra.sweeper.direction=null: must be given"),
        ("hydra.sweeper.objective=[val_accuracy,test_accuracy]", "hydra.sweeper.objective="),
        ("hydra.sweeper.objective=train_loss", "hydra.sweeper.objective="),
    ):
        with pytest.raises(UsageError, match=said):
            curve.sweep(*search, line)


def test_runs_of_other_code_are_kept_and_told_of(capfd: pytest.CaptureFixture[str]) -> None:
    curve.sweep("lr=0.1,0.2", "name=c", "report=false")
    file = next(Path("multirun/c").glob("*/record.json"))
    record = json.loads(file.read_text())
    assert len(record["environment"]["code"]) == 8
    record["environment"]["code"] = "00000000"
    file.write_text(json.dumps(record))
    curve.sweep("lr=0.1,0.2", "name=c", "report=false")
    assert "1 run in multirun/c came from other code of the script, kept" in capfd.readouterr().out


def test_a_job_has_the_surroundings_that_hydra_gives(tmp_path: Path) -> None:
    """Working directory, environment and `HydraConfig`, under each launcher. The folder is no part of the identity."""
    keys = {}
    where = "+where='${hydra:runtime.output_dir}'"
    for launcher in ("stacked", "basic"):
        name = f"hydra/launcher={launcher}"
        own = ("hydra.job.chdir=true", "+hydra.job.env_set.ANSWER=42", f"name={launcher}")
        surroundings.sweep(name, "+x=1,2", where, *own)
        keys[launcher] = {record["key"] for record in records(launcher)}
        for run in Path(f"multirun/{launcher}").glob("0*"):
            told = json.loads((run / "told.json").read_text())
            assert told["directory"] == told["output"] == told["where"] == str(run.absolute())
            assert told["answer"] == "42"
            assert told["overrides"][0] == f"+x={told['x']}"
    surroundings.train("+x=1", where, "name=single")
    assert {record["key"] for record in records("single")} < keys["stacked"] == keys["basic"]


def test_a_script_without_a_guard_is_only_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", sys.path[:])
    (tmp_path / "unguarded.py").write_text(OWN.replace('if __name__ == "__main__":\n    train()', "train()"))
    assert imported("unguarded.py", "unguarded-train").metric == "reward"


def test_a_module_is_started_as_one(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / "package" / "own.py").write_text(OWN)
    python = [sys.executable, "-m", "package.own"]
    done = subprocess.run([*python, "-m", "+x=1,2", "name=p"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert read_record(next(Path("multirun/p").glob("0*")))["script"] == "-m package.own"
    assert "python -m package.own -m +x=1 name=p seed=0" in Path("multirun/p/report/index.html").read_text()


OWN = """
import hpsearch

@hpsearch.main(metric="reward")
def train(cfg, run):
    return cfg.x

if __name__ == "__main__":
    train()
"""


def test_exit_codes_and_help_are_those_of_hpsearch(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)

    def shell(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "own.py", *arguments], capture_output=True, text=True, check=False)

    assert shell("-m", "+x=1", "confirm=-1").returncode == 2
    failed = shell("name=f")
    assert failed.returncode == 1
    assert "the run failed: ConfigAttributeError" in failed.stderr
    assert "error:" in failed.stderr
    assert shell("--cfg", "job").returncode == 0


def test_a_configuration_of_somebody_else_is_data(tmp_path: Path) -> None:
    """The classes that the script's own files name may be made, and those of a folder on the command line not."""
    (made,) = makes.train("name=own").records
    assert made["metrics"]["val_reward"] == 3
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "evil.yaml").write_text(
        "defaults: [makes, _self_]\npart: {_target_: subprocess.getoutput, cmd: touch evil}\n"
    )
    (tmp_path / "other" / "good.yaml").write_text("defaults: [makes, _self_]\npart: {denominator: 2}\n")
    (made,) = makes.train("--config-dir=other", "--config-name=good", "name=good").records
    assert made["metrics"]["val_reward"] == 1.5
    for mode in (makes.train, makes.sweep):
        with pytest.raises(SweepError, match="InstantiationException"):
            mode("--config-dir=other", "--config-name=evil", "name=evil")
    assert not (tmp_path / "evil").exists()


def test_a_key_script_is_none_of_hpsearchs_own() -> None:
    for line in ("+script.name=scripts-curve", "+script=1,2"):
        with pytest.raises(UsageError, match="no run reads a key of this name"):
            hpsearch.sweep("data=digits", line, "name=own")


def test_trackers_get_a_scripts_runs_by_its_own_epochs() -> None:
    curve.sweep("lr=0.1,0.3", "epochs=2", "name=t", "report=false", "tracker=csv")
    rows = pd.read_csv("multirun/t/csv/runs.csv")
    assert list(rows.lr) == [0.1, 0.3]
    assert "warmup" not in rows.columns
    assert rows.command.str.contains("scripts.py lr=0.1 epochs=2 name=t report=False").any()
    curves = pd.read_csv("multirun/t/csv/curves.csv")
    assert list(curves.epoch) == [0, 1, 0, 1]
    assert list(curves.val_accuracy[:2]) == [score(0.1, 0, 0), score(0.1, 0, 1)]


def test_callbacks_of_a_scripts_own_configuration_are_called_for_every_run() -> None:
    found = called.sweep("+x=1,2", "name=c", "report=false")
    for record in found.records:
        folder = next(found.folder.glob(f"*_{record['key'][:8]}"))
        assert (folder / "started").read_text() == f"[True, {record['config']['x']}]"
        assert (folder / "ended").read_text() == f"JobStatus.COMPLETED {record['config']['x']}.0"


def test_a_script_may_load_its_data_in_processes_of_its_own() -> None:
    found = loads.sweep("+x=1,2", "+train_size=3", "name=l", "report=false")
    assert [record["metrics"]["val_loss"] for record in found.records] == [15, 30]
    assert found.records[0]["config"]["train_size"] == 3


def test_a_search_asks_for_no_more_trials_than_can_train() -> None:
    """So that the sampler knows the results of the others."""
    search = ("hydra/sweeper=hpsearch", "lr=interval(0,1)", "hydra.sweeper.n_trials=9", "name=s", "report=false")
    curve.sweep(*search, "hydra.launcher.processes=1")
    dates = trials_of("sqlite:///multirun/hpsearch.db", "s")
    begun = [trial.datetime_start for trial in dates]
    ended = [trial.datetime_complete for trial in dates]
    assert all(begun[i + 1] >= ended[i] for i in range(8) if begun[i + 1] and ended[i])


def test_a_pruned_run_that_hangs_is_ended() -> None:
    search = ("hydra/sweeper=hpsearch", "+x=interval(0,0.4)", "hydra.sweeper.n_trials=1", "name=h")
    pruner = ("hydra/sweeper/pruner=threshold", "hydra.sweeper.pruner.lower=0.5", "report=false")
    started = time.monotonic()
    with suppress(SweepError):  # the run began again in a new process, and was lost again
        hangs.sweep(*search, *pruner, "hydra.launcher.timeout=1", "hydra.sweeper.max_failure_rate=1")
    assert time.monotonic() - started < 50
    (record,) = records("h")
    assert record["reason"] == "WorkerHangs: no answer in hydra.launcher.timeout=1 s"


@pytest.mark.slow
def test_the_winner_is_trained_again_on_fresh_seeds_and_with_other_values() -> None:
    curve.sweep("lr=0.1,0.3", "seed=range(3)", "confirm=2", "retrain={epochs:2}", "name=w")
    confirmed, retrained = records("w/confirm"), records("w/retrain")
    assert [(r["config"]["lr"], r["config"]["seed"]) for r in confirmed] == [(0.3, 3), (0.3, 4)]
    assert {(r["config"]["lr"], r["config"]["epochs"]) for r in retrained} == {(0.3, 2)}
    with pytest.raises(UsageError, match="retrain"):
        curve.sweep("lr=0.1,0.3", "retrain={epoch:2}", "name=x")


@pytest.mark.slow
@pytest.mark.long
def test_a_sweep_that_a_worker_would_begin_again_names_the_guard(tmp_path: Path) -> None:
    """One run has all cores, so that its process is spawned and imports the file, which has no guard."""
    file = tmp_path / "unguarded.py"
    start = "import hpsearch\nimport torch\n\ntorch.set_num_threads(2)\n\n"
    function = "@hpsearch.main(metric='reward')\ndef train(cfg, run):\n    return 1.0\n\n"
    file.write_text(f"{start}{function}train.sweep('name=n', 'report=false')\n")
    done = subprocess.run([sys.executable, file.name], cwd=tmp_path, capture_output=True, text=True, check=False)
    line = "UsageError: sweep('-m', 'name=n', 'report=false'): must stand under if __name__ == '__main__':"
    assert line in done.stderr
    assert done.returncode == 1
