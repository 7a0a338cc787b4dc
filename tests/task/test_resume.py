"""Runs that have a record already."""

import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from hpsearch.components.data import load
from hpsearch.engine.place import Place, place_of
from hpsearch.engine.result import History, Result
from hpsearch.record.file import read_record, write_record
from hpsearch.task import plugins
from hpsearch.task.outcome import write
from hpsearch.task.prepare import prepare
from hpsearch.task.resume import ResumedSource
from hpsearch.workers.run import Run, RunList
from tests.cli import TINY
from tests.composing import job_cfg
from tests.plugin_parts import HERE, PARTS, Write


class Search(RunList):
    adaptive = True


@pytest.mark.parametrize(("source", "kind"), [(RunList, Run), (Search, Result)])
def test_a_grid_trains_a_pruned_run_anew_and_a_search_keeps_it(
    tmp_path: Path, source: type[RunList], kind: type
) -> None:
    (run,) = prepare([(job_cfg(*TINY), [])])
    resumed = ResumedSource(RunList([(0, run)]), tmp_path)
    resumed.next_runs(1)
    pruned = Result("pruned", "pruned after epoch 1 of 2", History([1.0], [1.0], [0.1]), 1.0, 1)
    write(resumed.folder(0), run, pruned, "none")
    ((_, found),) = ResumedSource(source([(0, run)]), tmp_path).next_runs(1)
    assert isinstance(found, kind)


METRICS = {"train_loss": 1.0, "val_loss": 1.0, "test_loss": 1.0, "val_accuracy": 0.1, "test_accuracy": 0.1}
DONE = Result("finished", None, History([1.0], [1.0], [0.1]), 1.0, 1, epoch=1, metrics=METRICS, test_samples=10)
CHOSEN = ("optimizer=sign_sgd", "lr=0.01", "data=wine", "batch_size=16")


def prepared(folder: Path, *overrides: str) -> Run:
    """The run of a new process."""
    for name in ("my_parts", "my_helper"):
        sys.modules.pop(name, None)
    load.rows_of.cache_clear()
    load.content_of.cache_clear()
    plugins.load(["my_parts"], folder)
    (run,) = prepare([(job_cfg(*TINY, *overrides, HERE), [HERE])])
    return run


def asked(run: Run, sweep: Path) -> list[type]:
    return [type(found) for _, found in ResumedSource(RunList([(0, run)]), sweep).next_runs(1)]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [("my_parts", "1 - lr * self", "1 - 2 * lr * self"), ("my_helper", "1.0", "2.0"), ("my_rows", "1", "2")],
)
def test_a_run_is_trained_again_if_its_code_or_data_have_changed(
    module: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str
) -> None:
    scaled = "x = x * scale * float(Path(__file__).with_name('my_rows.py').read_text())\n    "
    text = PARTS.replace("import hpsearch", "import hpsearch\nfrom pathlib import Path\nfrom my_helper import scale")
    text = text.replace("return x[y < classes]", f"{scaled}return x[y < classes]")
    texts = {"my_parts": text, "my_helper": "scale = 1.0\n", "my_rows": "1"}
    for name in reversed(texts):
        module(name, texts[name])
    sweep = tmp_path / "sweep"
    run = prepared(tmp_path, *CHOSEN)
    assert asked(run, sweep) == [Run]
    write(sweep / f"000_{run.key[:8]}", run, DONE, "none")
    assert asked(prepared(tmp_path, *CHOSEN), sweep) == [Result]
    assert "already in" in capsys.readouterr().out
    module(file, texts[file].replace(old, new))
    changed = prepared(tmp_path, *CHOSEN)
    assert asked(changed, sweep) == [Run]
    if file == "my_rows":
        line = f"1 run in {sweep} had other content of data=wine, and is trained again\n"
        assert capsys.readouterr().out == line
    else:
        assert changed.key != run.key  # other code makes another run


def test_parts_that_a_run_does_not_use_may_change(module: Write, tmp_path: Path) -> None:
    module("my_parts", PARTS)
    run = prepared(tmp_path)
    assert asked(run, tmp_path) == [Run]
    write(tmp_path / f"000_{run.key[:8]}", run, DONE, "none")
    module("my_parts", PARTS + "# another\n")
    assert asked(prepared(tmp_path), tmp_path) == [Result]


def test_a_record_has_the_hardware_of_the_worker_and_of_this_process_if_it_failed(tmp_path: Path) -> None:
    (run,), there = prepare([(job_cfg(*TINY), [])]), Place("cuda:1", "a GPU of a cluster", 3)
    outcomes = {"there": replace(DONE, place=there), "here": MemoryError("none left")}
    for name, outcome in outcomes.items():
        (tmp_path / name).mkdir()
        write(tmp_path / name, run, outcome, "none")
    places = {"there": there, "here": place_of(torch.device("cpu"))}
    for name, place in places.items():
        record = read_record(tmp_path / name)
        assert record is not None
        assert record["environment"].items() >= asdict(place).items()


def test_a_record_of_an_older_version_is_the_run(module: Write, tmp_path: Path) -> None:
    module("my_parts", PARTS)
    run, sweep = prepared(tmp_path, *CHOSEN), tmp_path / "sweep"
    asked(run, sweep)
    folder = sweep / f"000_{run.key[:8]}"
    write(folder, run, DONE, "none")
    record = read_record(folder)
    assert record is not None
    assert len(record["environment"].pop("data")) == 16
    write_record(folder, record)
    assert asked(run, sweep) == [Result]
