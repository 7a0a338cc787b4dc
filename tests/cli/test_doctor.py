"""``python -m hpsearch.doctor``."""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from hpsearch import doctor
from hpsearch.cli.doctor import checks as doctor_checks
from hpsearch.cli.doctor import storage as doctor_storage
from hpsearch.cli.doctor.check import FAULT, OK, Check
from hpsearch.components.data.mnist_archives import UNPACKED
from hpsearch.errors import UsageError
from hpsearch.search.storage import Storage


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_DATA", str(tmp_path / "data"))


def typed(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Runs the command; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["hpsearch.doctor", *arguments])
    try:
        doctor.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_sound_machine_has_no_fault_and_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert typed(monkeypatch, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {"hpsearch", "python", "memory", "devices", "git commit", "packages"} <= found["facts"].keys()
    said = {check["name"]: check["said"] for check in found["checks"]}
    assert [*said] == ["packages", "plugins", "devices", "data", "folder", "storage", "training"]
    assert said["training"].startswith("a stack of 2 lanes and a run alone, in ")
    assert said["training"].endswith(": equal bit for bit")
    assert [*tmp_path.iterdir()] == []


def test_a_fault_is_a_line_with_its_cure_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("of postgresql://me:secret@host/x\nanother line")

    faults = [Check("disk", FAULT, "is full", "make room"), Check("net", OK, "is there")]
    monkeypatch.setattr(doctor_checks, "checks", lambda url: faults)
    assert typed(monkeypatch) == 1
    out = capsys.readouterr().out
    assert "fault    disk: is full; make room\nok       net: is there\n\n2 checks, 1 fault, 0 warnings\n" in out
    monkeypatch.undo()
    monkeypatch.setattr(doctor_checks, "packages", broken)
    first = next(doctor_checks.checks(None))
    assert (first.status, first.said) == (FAULT, "raises ZeroDivisionError: of postgresql://me:secret@host/x")


def test_wrong_usage_has_exit_code_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(monkeypatch, "--nothing") == 2
    assert capsys.readouterr().err == "error: unrecognized arguments: --nothing; --help shows the options\n"


def test_a_damaged_data_set_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for file in UNPACKED["MNIST"]:
        (folder / file).write_bytes(b"\0" * 16)
    assert [check.status for check in doctor_checks.data()] == [OK, OK, FAULT]


def test_a_storage_is_checked_and_nothing_is_made(tmp_path: Path) -> None:
    assert [check.status for check in doctor_storage.storage(None)] == [OK]
    assert [check.status for check in doctor_storage.storage("sqlite:///a.db")] == [FAULT]
    assert [*tmp_path.iterdir()] == []
    with closing(Storage("sqlite:///a.db")) as made:
        made.study("s", ["maximize"])
    whole, schema = doctor_storage.storage("sqlite:///a.db")
    assert (whole.said, schema.said) == ("a.db: is whole", f"a.db: tables of {made.schema}; studies: 1")


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("sqlite:///foreign.db", "foreign.db: is no database of studies; name another file"),
        ("sqlite:///text.db", "text.db: cannot be read (file is not a database)"),
        ("nothing", "it is no URL like"),
        ("postgresql+psycopg://me:secret@localhost:1/x", "postgresql+psycopg://me:***@localhost:1/x does not answer: "),
    ],
)
def test_a_storage_that_cannot_be_used(tmp_path: Path, url: str, line: str) -> None:
    with closing(sqlite3.connect(tmp_path / "foreign.db")) as foreign:
        foreign.execute("CREATE TABLE mine (x)")
    (tmp_path / "text.db").write_text("no database at all" * 100)
    with pytest.raises(UsageError) as caught:
        list(doctor_storage.storage(url))
    assert line in str(caught.value)
    assert "secret" not in str(caught.value)
