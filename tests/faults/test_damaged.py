"""Damaged records and files of a sweep: named, left out, never a wrong row, never a traceback."""

import json
import os
import socket
from pathlib import Path

import pytest

from hpsearch.record.file import FILE, is_temporary, key_of, load_record, read_record, sweep_up, write_whole
from hpsearch.record.folders import run_folders
from hpsearch.record.frame import gather
from hpsearch.record.reader import RecordedRun
from hpsearch.record.shape import Record, Unreadable, record_of
from hpsearch.task.outcome import result_of
from tests.faults import damaged
from tests.made_records import entry, scored, seeds, sweep

KINDS = {
    "net": entry(0.875, val=0.9),
    "classifier": entry(0.875, architecture={"name": "k_neighbors", "n_neighbors": 3}),
    "regression": scored(4.9, val=4.83, further={"val_mae": 3.0, "test_mae": 3.1}),
    "own metric": scored(0.7, name="my_metric", maximize=True, unit=""),
    "pruned": entry(None, val=0.5, status="pruned"),
    "diverged": entry(None, val=0.1, status="diverged"),
    "failed": scored(None, status="failed"),
    "fold": entry(0.5, split={"name": "kfold", "folds": 5}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_with_another_value_is_refused_or_can_be_read(kind: str, tmp_path: Path) -> None:
    record = json.loads((sweep(tmp_path / "s", [KINDS[kind]]) / run_folders(tmp_path / "s")[0] / FILE).read_bytes())
    refused: list[str] = []
    for path in damaged.paths(record):
        for value in damaged.VALUES:
            try:
                found = record_of(damaged.replaced(record, path, value).encode("utf-8", "surrogatepass"))
            except Unreadable as error:
                refused.append(str(error))
            else:
                result_of(found)
                RecordedRun.of("000_00000000", 0.0, found)
    assert len(refused) > 500
    assert not any("\n" in line for line in refused)


def test_a_damaged_record_hides_no_other(tmp_path: Path) -> None:
    records = [*seeds([0.9, 0.8], lr=0.1), *seeds([0.7], lr=0.2), entry(None, val=0.1, status="diverged", lr=3.0)]
    damaged.damage_records(sweep(tmp_path / "s", records), examples=5)


def test_files_that_are_cut_off_are_read_in_order(tmp_path: Path) -> None:
    path = sweep(tmp_path / "s", seeds([0.9, 0.8]))
    damaged.read_all(path)  # which writes the other files
    (path / "multirun.yaml").write_text("hydra: {sweeper: {_target_: x}}\n")
    damaged.cut_files(path, cuts=2)


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "link"])
def test_only_a_plain_file_is_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path = sweep(tmp_path / "s", seeds([0.9, 0.8]))
    file = path / run_folders(path)[0] / FILE
    file.unlink()
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            monkeypatch.chdir(file.parent)  # because the path of a socket is short
            server.bind(FILE)
    elif kind == "folder":
        file.mkdir()
    else:
        file.symlink_to("/dev/zero")
    with pytest.raises(Unreadable, match="cannot be read"):
        load_record(file.parent)
    assert len(damaged.read_all(path).frame) == 1


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_folder_of_a_run_is_a_folder(tmp_path: Path, kind: str) -> None:
    path = sweep(tmp_path / "s", seeds([0.9, 0.8]))
    first = path / run_folders(path)[0]
    first.rename(tmp_path / "elsewhere")
    first.symlink_to(tmp_path / "elsewhere") if kind == "link" else first.touch()
    runs = gather([path])
    assert len(runs.frame) == 1
    assert runs.notes == [f"s/{first.name}: left out: is no folder"]


def test_a_config_that_would_take_a_columns_place_is_refused(tmp_path: Path) -> None:
    for key in ("status", "seconds", "val_accuracy", "best", "hydra", "defaults", "__proto__ "):
        record: Record = entry(0.9)
        record["config"] = record["config"] | {key: 1}
        record["key"] = key_of(record["config"])
        path = sweep(tmp_path / key.strip(), [record])
        assert read_record(path / run_folders(path)[0]) is None


def test_temporary_files_have_names_of_their_own_and_are_swept_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()
    for folder in (tmp_path, tmp_path / "000_00000000", tmp_path / "report"):
        folder.mkdir(exist_ok=True)
        (folder / "mine.part").touch()
        for _ in range(2):
            with monkeypatch.context() as patch:
                patch.setattr(Path, "replace", full_disk)
                patch.setattr(Path, "unlink", full_disk)  # as if it had been killed
                with pytest.raises(OSError, match="full"):
                    write_whole(folder / "runs.csv", b"")
        left = {path.name for path in folder.iterdir() if path.is_file()} - {"mine.part"}
        assert len(left) == 2
        assert all(map(is_temporary, left))
        seen |= left
    assert len(seen) == 6
    sweep_up(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["mine.part"] * 3


def full_disk(*_: object) -> None:
    raise OSError("full")
