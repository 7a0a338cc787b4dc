"""Plugins as a user names them: ``plugins=[my_parts]``."""

import subprocess
import sys
from functools import partial
from multiprocessing import active_children
from pathlib import Path

import pytest

import hpsearch
from hpsearch.engine.trainer import StackTrainer
from hpsearch.errors import UsageError
from hpsearch.task import plugins
from hpsearch.workers.process import ProcessWorker
from hpsearch.workers.remote import WorkerLost
from hpsearch.workers.worker import Round
from tests.cli import TINY, Cli, records
from tests.plugin_parts import HERE, PARTS, Write
from tests.programs import dataset, program, run


@pytest.fixture
def parts(module: Write) -> Path:
    return module("my_parts", PARTS)


def sweep_of(cli: Cli, name: str, *arguments: str) -> list[tuple[str, float]]:
    """Optimizer and validation loss of each run."""
    shown = cli("-m", HERE, *TINY, f"name={name}", *arguments)
    assert shown.code == 0, shown.err
    found = records(cli.multirun / name).values()
    return sorted((record["config"]["optimizer"]["name"], record["metrics"]["val_loss"]) for record in found)


@pytest.mark.usefixtures("parts")
def test_every_part_trains_and_its_command_repeats_it(cli: Cli) -> None:
    chosen = ("optimizer=sign_sgd", "schedule=linear", "schedule.final=0.2", "init=small", "lr=0.01")
    shown = cli(HERE, *TINY, *chosen, "architecture.activation=swish", "name=one")
    assert shown.code == 0, shown.err
    (record,) = records(cli.multirun / "one").values()
    config = record["config"]
    assert config["optimizer"] == {"name": "sign_sgd", "weight_decay": 0.0}
    assert (config["schedule"], config["init"]) == ({"name": "linear", "final": 0.2}, {"name": "small", "bound": 0.05})
    assert "plugins" not in config
    assert HERE in record["overrides"]
    assert cli(*record["overrides"]).out.startswith("already in ")


@pytest.mark.usefixtures("parts")
def test_a_registered_metric_chooses(cli: Cli) -> None:
    shown = cli("-m", HERE, *TINY, "metric=worst_class", "optimizer=sgd,adam", "name=m")
    assert shown.code == 0, shown.err
    for record in records(cli.multirun / "m").values():
        assert record["metric"] == {"name": "worst_class", "maximize": True, "unit": "%"}
        assert 0 <= record["metrics"]["val_worst_class"] <= 1
    assert "worst class in %" in shown.out
    shown = cli(HERE, *TINY, "metric=worst_clas")
    assert "worst_class" in shown.err


@pytest.mark.usefixtures("parts")
def test_registered_data_are_split_and_preprocessed(cli: Cli) -> None:
    arguments = ("data=wine", "data.classes=2", "preprocessing=bounded", "preprocessing.high=2", "batch_size=16")
    shown = cli(HERE, *TINY, *arguments, "name=d")
    assert shown.code == 0, shown.err
    (record,) = records(cli.multirun / "d").values()
    assert record["config"]["data"] == {"name": "wine", "classes": 2}
    assert record["config"]["preprocessing"] == {"name": "bounded", "high": 2.0}
    assert len(record["target"]["classes"]) == 2
    assert cli(HERE, *TINY, *arguments, "name=d").out.startswith("already in ")


@pytest.mark.usefixtures("parts")
def test_the_learning_rate_of_a_registered_optimizer(cli: Cli) -> None:
    assert "lr: 0.005" in cli(HERE, "optimizer=sign_sgd", "--cfg", "job").out
    assert cli(HERE, "optimizer=sign_sgd", "--cfg", "job", "--resolve", "-p", "lr").out.endswith("0.005\n")


@pytest.mark.usefixtures("parts")
def test_the_decay_of_a_registered_optimizer_leaves_biases_alone_if_asked(cli: Cli) -> None:
    sweep = sweep_of(cli, "d", "optimizer=sign_sgd", "optimizer.weight_decay=0.5", "decay_biases=true,false")
    assert len({curve for _, curve in sweep}) == 2


@pytest.mark.usefixtures("parts")
def test_a_grid_its_confirmation_and_a_search_know_the_parts(cli: Cli) -> None:
    both = "optimizer=sign_sgd,adam"
    grid = sweep_of(cli, "grid", both, "seed=0,1", "lr=0.01")
    assert [name for name, _ in grid] == ["adam", "adam", "sign_sgd", "sign_sgd"]
    best = cli("--config-dir", str(cli.multirun / "grid"), "--config-name", "best", HERE)
    assert best.code == 0, best.err
    assert HERE in (cli.multirun / "grid" / "best.yaml").read_text().splitlines()[1]
    search = ("hydra/sweeper=hpsearch", "hydra.sweeper.n_trials=4", "lr=interval(0.001,0.1)", "optimizer=sign_sgd")
    assert len(sweep_of(cli, "search", *search)) == 4
    assert len(sweep_of(cli, "basic", "hydra/launcher=basic", both, "seed=0")) == 2


@pytest.mark.long
@pytest.mark.slow
def test_another_process_knows_the_parts(cli: Cli, parts: Path) -> None:
    def command(*arguments: str) -> None:
        line = [sys.executable, "-m", "hpsearch", "-m", HERE, *TINY, "optimizer=sign_sgd", *arguments]
        shown = subprocess.run(line, cwd=parts.parent, capture_output=True, text=True, check=False)
        assert shown.returncode == 0, shown.stderr

    joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    command("name=joblib", "lr=0.1,0.01", *joblib)
    command("name=spawned", "lr=0.1,0.01", "architecture.activation=swish", "hydra.launcher.threads=2")
    command("name=trials", "lr=interval(0.01,0.1)", "hydra/sweeper=hpsearch", "hydra.sweeper.n_trials=2", *joblib)
    command("name=confirmed", "lr=0.1,0.01", "confirm=2")
    assert len(records(cli.multirun / "joblib")) == len(records(cli.multirun / "trials")) == 2
    assert len(records(cli.multirun / "confirmed" / "confirm")) == 2


@pytest.mark.usefixtures("parts")
def test_the_python_interface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sweep = hpsearch.sweep(HERE, *TINY, "optimizer=sign_sgd", "seed=0,1")
    assert set(sweep.frame.status) == {"finished"}
    with pytest.raises(UsageError, match="there is no module no_such"):
        hpsearch.train("plugins=[no_such]")


@pytest.mark.usefixtures("parts")
def test_help_and_completion_show_the_parts(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "optimizer: adam, adamw, rmsprop, sgd, sign_sgd\n" in cli(HERE, "--help").out
    line = f"hpsearch {HERE} optimizer=si"
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    assert cli("-sc", "query=bash").out.split() == ["optimizer=sign_sgd"]


@pytest.mark.usefixtures("parts")
def test_a_yaml_builds_on_a_part(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "conf" / "optimizer").mkdir(parents=True)
    (tmp_path / "conf" / "optimizer" / "strong.yaml").write_text("defaults: [sign_sgd]\nlr: 0.5\n")
    shown = cli(HERE, "--config-dir", "conf", "optimizer=strong", "optimizer.weight_decay=3", "--cfg", "job")
    assert "  name: sign_sgd\n  lr: 0.5\n  weight_decay: 3\n" in shown.out


def test_a_respawned_worker_knows_the_parts(parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(parts.parent)
    plugins.load(["my_parts"], parts.parent)
    new, spec = partial(StackTrainer, program(dataset())), run(optimizer="sign_sgd", lr=0.01, epochs=1)
    worker = ProcessWorker()

    def trained() -> Round:
        worker.ask_round([("a", new, [(0, spec)])], [])
        return worker.round()

    try:
        first = trained()
        (process,) = active_children()
        process.kill()
        assert isinstance(trained().lost, WorkerLost)
        assert trained().histories == first.histories
    finally:
        worker.close()


def test_an_installed_plugin_needs_no_name(cli: Cli, module: Write, parts: Path) -> None:
    """An entry point stands in the metadata of a distribution."""
    info = parts.parent / "my_parts-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-parts\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[hpsearch.plugins]\nmine = my_parts\n")
    sys.path.insert(0, str(parts.parent))
    plugins.installed.cache_clear()
    try:
        shown = cli("--cfg", "job", "optimizer=sign_sgd")
        assert shown.code == 0, shown.err
        sys.modules.pop("my_parts")
        parts.write_text("1 / 0")
        shown = cli("--cfg", "job")
        assert "plugin mine, which is installed: importing it raises ZeroDivisionError" in shown.err
    finally:
        sys.path.remove(str(parts.parent))
        plugins.installed.cache_clear()
