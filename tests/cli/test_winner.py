"""The winner of a sweep is usable: its net gives the record's numbers again, from rows as they were loaded."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import DictConfig, OmegaConf

import hpsearch
from hpsearch import predict
from hpsearch.components.metric import METRICS
from hpsearch.engine.evaluate import unstandardised
from hpsearch.errors import UsageError
from hpsearch.record.file import load_record
from hpsearch.record.predictions import Predictions
from hpsearch.task import load
from hpsearch.task.net import Ensemble, Net
from hpsearch.task.tested import DataOfRun
from hpsearch.task.weights import WEIGHTS
from tests.cli import TINY, Cli, records
from tests.plugin_parts import Write

TABLE = ("data=table", "data.path=my.csv", "architecture.width=16", "batch_size=32", "epochs=3", "report=false")
NET = """
import hpsearch
from torch import nn

@hpsearch.register("architecture")
class Small(nn.Module):
    def __init__(self, inputs, outputs, width=6):
        super().__init__()
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(inputs[0], width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.1),
            nn.Linear(width, outputs),
        )

    def forward(self, x):
        return self.net(x)
"""


def table(folder: Path, classes: bool = False) -> pd.DataFrame:
    """Writes my.csv: 300 rows with a category and missing numbers."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(size=300), "island": rng.choice(["x", "y"], 300)})
    price = 20 + 3 * frame.a - 2 * (frame.island == "x") + rng.normal(size=300)
    frame["price"] = np.where(price > 20, "=dear", "-1") if classes else price
    frame.loc[::7, "b"] = np.nan
    frame.to_csv(folder / "my.csv", index=False)
    return frame


def data_of(run: Path) -> DataOfRun:
    cfg = OmegaConf.load(run / ".hydra" / "config.yaml")
    assert isinstance(cfg, DictConfig)
    return DataOfRun(cfg, load_record(run)["key"])


def numbers(net: Net, data: DataOfRun, part: str) -> dict[str, float]:
    """The metrics of a net's record on rows as they were loaded: validation or test."""
    rows = data.rows(part)[1]
    y = unstandardised(getattr(data.dataset, part).y.numpy(), net.target)
    short = {"validation": "val", "test": "test"}[part]
    found = {}
    for key in net.record["metrics"]:
        name = key.removeprefix(f"{short}_")
        if key == name or name == "loss":
            continue
        metric = METRICS[name]
        if metric.reads == "labels":
            prediction = np.array([net.classes.index(label) for label in net.predict(rows)])
        else:
            prediction = net.predict_proba(rows) if metric.reads == "probabilities" else net.predict(rows)
        found[key] = metric.function(y, prediction)
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        (*TINY, "lr=0.1,0.3", "seed=0,1", "normalization=batch", "metrics=[log_loss,f1]"),
        (*TINY, "seed=0,1", "architecture=cnn", "architecture.blocks=1", "epochs=1", "weights=all"),
        (*TINY, "seed=0,1", "precision=bfloat16", "ema=0.9", "weights=all"),
        (*TABLE, "split=kfold", "split.folds=2", "seed=0,1", "metrics=[mae]", "preprocessing=quantile"),
        (*TABLE, "split=seeded", "seed=0,1", "mc_dropout=5", "dropout=strong", "patience=1", "epochs=6"),
    ],
    ids=["digits", "cnn", "bfloat16", "folds", "passes"],
)
def test_a_loaded_net_gives_the_numbers_of_its_record_to_the_bit(
    cli: Cli, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.folder.mkdir(exist_ok=True)
    table(cli.folder)
    shown = cli("-m", *arguments, "name=s")
    assert shown.code == 0, shown.err
    monkeypatch.chdir(cli.folder)
    runs = [cli.multirun / "s" / name for name in records(cli.multirun / "s")]
    kept = [run for run in runs if (run / WEIGHTS).exists()]
    assert len(kept) == 2
    for run in kept:
        net, record = hpsearch.load(run), load_record(run)
        assert isinstance(net, Net)
        parts = ("test",) if "mc_dropout" in record["config"] else ("validation", "test")
        found = {key: value for part in parts for key, value in numbers(net, data_of(run), part).items()}
        assert found == {key: record["metrics"][key] for key in found}
        assert found


def test_the_files_of_a_sweep_and_of_its_continuation(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The winner's seeds have weights, no other run has; the predictions are those of the seed that load picks."""
    monkeypatch.chdir(cli.folder)
    assert cli("-m", *TINY, "lr=0.001,0.1", "seed=0,1,2", "name=s").code == 0
    sweep = cli.multirun / "s"
    found = records(sweep)
    winner = {name for name, record in found.items() if record["config"]["lr"] == 0.1}
    assert {path.parent.name for path in sweep.glob(f"*/{WEIGHTS}")} == winner
    best = max(winner, key=lambda name: found[name]["metrics"]["val_accuracy"])
    net = hpsearch.load(sweep)
    assert net.record == found[best]
    (file,) = sweep.glob("*/predictions.npz")
    assert file.parent.name == best
    predictions = Predictions.read(file.parent)
    assert predictions is not None
    assert (predictions.y == predictions.predicted).mean() == found[best]["metrics"]["test_accuracy"]
    for path in sweep.glob(f"*/{WEIGHTS}"):
        path.unlink()
    shown = cli("-m", *TINY, "lr=0.001,0.1", "seed=0,1,2", "name=s")
    (line,) = [line for line in shown.out.splitlines() if line.startswith("no weights of the winner's seed=")]
    command = line.partition("python -m hpsearch ")[2].split()
    assert cli(*command).code == 0
    again = hpsearch.load(cli.multirun / "s-winner")
    assert again.record["metrics"] == found[best]["metrics"]
    for name, tensor in again.state_dict().items():
        assert torch.equal(tensor, net.state_dict()[name])


def test_one_net_and_several(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cli.folder)
    frame = table(cli.folder)
    assert cli("-m", *TABLE, "seed=0,1,2", "name=s").code == 0
    nets = [hpsearch.load("multirun/s", seed=seed) for seed in range(3)]
    several = hpsearch.load("multirun/s", ensemble=True)
    assert isinstance(several, Ensemble)
    values = [net.predict(frame) for net in nets]
    np.testing.assert_allclose(several.predict(frame), np.mean(values, 0))
    np.testing.assert_allclose(several(frame).detach().numpy(), np.mean(values, 0), rtol=1e-5)
    assert not several.training
    assert all(isinstance(p, torch.nn.Parameter) and p.requires_grad for p in several.parameters())
    nets[0](frame).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in nets[0].parameters())
    array = frame[["a", "b", "island"]].to_numpy()
    np.testing.assert_array_equal(nets[0].predict(array), values[0])
    for faulty, line in (
        (lambda: hpsearch.load("multirun/s", seed=7), "seed=7: must be one of the winner's: 0, 1, 2"),
        (lambda: hpsearch.load("multirun/s", seed=1, ensemble=True), "seed=1: must be left out with an ensemble"),
        (lambda: hpsearch.load("multirun/none"), "no such folder"),
        (lambda: hpsearch.load("multirun/s", data="digits"), "data=digits: must be one of my.csv"),
        (lambda: nets[0].predict(frame.drop(columns="b")), "rows: have no column b; they have a"),
        (lambda: nets[0].predict(frame.assign(b="z")), "b: holds a value that is no number"),
        (lambda: nets[0].predict(frame[:0]), "rows: there are none"),
        (lambda: nets[0].predict(np.zeros((2, 9))), r"rows: have the shape \[2, 9\]; must be \[n, 3\]"),
        (lambda: nets[0].predict_proba(frame), "price: is a quantity and has no classes"),
    ):
        with pytest.raises(UsageError, match=line) as error:
            faulty()
        assert len(error.value.faults) == 1


def test_runs_without_weights_say_why(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cli.folder)
    assert cli("-m", *TINY, "weights=none", "seed=0,1", "name=n").code == 0
    with pytest.raises(
        UsageError, match="its weights were not kept; to train it again: python -m hpsearch .*name=n-winner"
    ):
        hpsearch.load("multirun/n")
    assert cli("data=digits", "architecture=k_neighbors", "name=k").code == 0
    with pytest.raises(UsageError, match="architecture=k_neighbors: a classifier of scikit-learn, of which no weights"):
        hpsearch.load("multirun/k")
    assert cli(*TINY, "name=one").code == 0
    assert hpsearch.load("multirun/one").record["config"]["seed"] == 0
    (run,) = (cli.multirun / "one").iterdir()
    assert cli(*TINY, "name=other", "seed=1").code == 0
    (other,) = (cli.multirun / "other").iterdir()
    (run / WEIGHTS).write_bytes((other / WEIGHTS).read_bytes())
    with pytest.raises(UsageError, match="its weights are not those of its record"):
        hpsearch.load(run)


def test_a_net_of_a_plugin_needs_its_module(cli: Cli, module: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cli.folder)
    frame = table(cli.folder, classes=True)
    module("my_net", NET)
    options = [line for line in TABLE if "width" not in line]
    shown = cli("-m", "plugins=[my_net]", *options, "architecture=small", "seed=0,1", "name=s")
    assert shown.code == 0, shown.err
    net = hpsearch.load("multirun/s")
    assert isinstance(net, Net)
    found = numbers(net, data_of(next(run.parent for run in cli.multirun.glob("s/*/predictions.npz"))), "test")
    assert found == {key: net.record["metrics"][key] for key in found}
    logits = net.module(net.inputs(frame))
    torch.testing.assert_close(logits, net(frame), rtol=1e-5, atol=1e-6)
    monkeypatch.setattr(load, "ARCHITECTURES", {})
    with pytest.raises(UsageError, match="small: is of a plugin that is not imported; import my_net first"):
        hpsearch.load("multirun/s")


def test_the_command_writes_predictions(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(cli.folder)
    frame = table(cli.folder, classes=True)
    assert cli("-m", *TABLE, "seed=0,1", "name=s").code == 0
    frame.assign(island="z").to_csv("new.csv", index=False)
    Path("empty.csv").write_text("a,b,island\n")
    Path("nothing.csv").write_text("")

    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["predict", *arguments])
        capfd.readouterr()
        try:
            predict.main()
        except SystemExit as stop:
            return int(stop.code or 0), *capfd.readouterr()
        return 0, *capfd.readouterr()

    code, out, err = command("multirun/s", "new.csv", "--ensemble")
    assert (code, out) == (0, "300 predictions: new-predictions.csv\n")
    assert err.splitlines() == [
        "note: columns that are not read: price",
        "note: island: z in 300 rows is no category of the training rows",
        "note: a ' stands before class names that a spreadsheet would take for a formula",
    ]
    written = pd.read_csv("new-predictions.csv", dtype={"prediction": str})
    assert list(written) == ["prediction", "p(-1)", "p(=dear)"]
    assert set(written.prediction) == {"-1", "'=dear"}
    several = hpsearch.load("multirun/s", ensemble=True)
    np.testing.assert_allclose(written.iloc[:, 1:], several.predict_proba(frame.assign(island="z")), rtol=1e-12)
    for arguments, line in (
        (("multirun/s", "gone.csv"), "rows=gone.csv: must be a file that exists"),
        (("multirun/s", "empty.csv"), "empty.csv: has no rows"),
        (("multirun/s", "nothing.csv"), "nothing.csv: is empty"),
        (
            ("multirun/s", "empty.csv", "--output", "empty.csv"),
            "--output=empty.csv: must be another file than that of the rows",
        ),
        (("multirun/s",), "the following arguments are required: FILE"),
        (("multirun/gone", "new.csv"), "no such folder"),
    ):
        code, _, err = command(*arguments)
        assert code == 2
        assert line in err
        assert len(err.splitlines()) == 1
