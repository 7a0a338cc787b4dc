import json
import math
import os
from pathlib import Path

import pytest

from hpsearch.record.file import FILE, key_of, load_record, read_done, read_record, write_record
from hpsearch.record.folders import Folders, fault_of_folder
from hpsearch.record.shape import Record
from tests import made_records
from tests.made_records import scored

CONFIG = {
    "data": {"name": "digits"},
    "architecture": {"name": "mlp"},
    "optimizer": {"name": "sgd"},
    "lr": 0.1,
    "seed": 0,
    "epochs": 3,
}


def entry(status: str = "finished", **config: object) -> Record:
    made, resolved = scored(None if status == "failed" else 0.5, status=status), CONFIG | config
    return made | {"key": key_of(resolved), "config": resolved}


def test_the_key_is_of_values_not_of_their_order() -> None:
    assert key_of({"a": 1, "b": {"c": 2, "d": 3}}) == key_of({"b": {"d": 3, "c": 2}, "a": 1})
    assert key_of(CONFIG) != key_of(CONFIG | {"seed": 1})


def test_what_is_written_is_read_and_what_is_not_finite_is_null(tmp_path: Path) -> None:
    made = entry()
    made["metrics"]["val_loss"] = made["history"]["val_loss"][-1] = math.nan
    write_record(tmp_path, made)
    made["metrics"]["val_loss"] = made["history"]["val_loss"][-1] = None
    assert read_record(tmp_path) == made
    assert os.listdir(tmp_path) == ["record.json"]


def test_a_write_that_fails_leaves_the_old_record(tmp_path: Path) -> None:
    write_record(tmp_path, entry())
    with pytest.raises(TypeError):
        write_record(tmp_path, entry() | {"reason": object()})
    assert read_record(tmp_path) is not None
    assert os.listdir(tmp_path) == ["record.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        json.dumps(entry() | {"schema": 3}),
        json.dumps(entry() | {"status": "running"}),
        json.dumps(entry() | {"key": "0" * 64}),
        json.dumps({"schema": 1, "status": "finished"}),
    ],
)
def test_anything_else_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "record.json").write_text(text)
    assert read_record(tmp_path) is None


def test_a_record_of_schema_1_is_read_as_one_of_schema_2(tmp_path: Path) -> None:
    old = made_records.entry(0.8, val=0.9, images=300)
    write_record(tmp_path, old)
    assert load_record(tmp_path) == old | {
        "schema": 2,
        "metric": {"name": "accuracy", "maximize": True, "unit": "%"},
        "target": {"kind": "classification", "name": None, "classes": None},
        "epoch": 3,
        "test_samples": 300,
    }


def test_a_failed_run_is_not_done(tmp_path: Path) -> None:
    for status, done in (("finished", True), ("diverged", True), ("pruned", True), ("failed", False)):
        write_record(tmp_path, entry(status))
        assert (read_done(tmp_path, key_of(CONFIG)) is not None) is done
    assert read_done(tmp_path, key_of(CONFIG | {"seed": 1})) is None


def test_folders_are_numbered_found_again_and_never_shared(tmp_path: Path) -> None:
    first = Folders(tmp_path)
    assert first.find("a" * 64, 0)[0] == "000_aaaaaaaa"
    assert first.find("b" * 64, 1)[0] == "001_bbbbbbbb"
    assert first.find("a" * 64, 7)[0] == "000_aaaaaaaa"
    for name in ("000_aaaaaaaa", "001_bbbbbbbb", "notes_of_mine", "report"):
        (tmp_path / name).mkdir()
    again = Folders(tmp_path)
    assert again.find("b" * 64, 0)[0] == "001_bbbbbbbb"
    assert again.find("c" * 64, 0)[0] == "002_cccccccc"
    assert again.find("d" * 64, 5)[0] == "005_dddddddd"


def test_a_folder_without_room_is_a_fault(tmp_path: Path) -> None:
    assert fault_of_folder(tmp_path / "new" / "sweep", 10) is None
    fault = fault_of_folder(tmp_path, 10**12)
    assert fault is not None
    assert fault.startswith(f"{tmp_path}: 1000000000000 runs need about ")
    file = tmp_path / "file"
    file.touch()
    assert str(fault_of_folder(file / "sweep", 1)).startswith(f"{file / 'sweep'}: cannot be written")


def test_a_record_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_record(tmp_path, {"first": 1})
    with (tmp_path / FILE).open() as reader:  # it holds the file that it opened, whatever takes its place
        write_record(tmp_path, {"second": 2})
        assert json.load(reader) == {"first": 1}
    assert json.loads((tmp_path / FILE).read_text()) == {"second": 2}
    assert os.listdir(tmp_path) == [FILE]
