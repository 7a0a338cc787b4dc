"""``python -m hpsearch.dashboard``."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from hpsearch import dashboard
from hpsearch.cli import publish
from hpsearch.errors import UsageError
from hpsearch.search.storage import StorageError
from tests.cli import TINY, Cli


@pytest.mark.slow
def test_the_dashboard_serves_on_loopback(cli: Cli) -> None:
    cli("-m", *TINY[:-1], "name=grid", "lr=0.1,0.01")
    process = subprocess.Popen(
        [sys.executable, "-u", "-W", "ignore", "-m", "hpsearch.dashboard", "--port", "18652"],
        cwd=cli.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:18652")
        for _ in range(100):
            try:
                with urllib.request.urlopen("http://127.0.0.1:18652/api/studies") as answer:
                    studies = json.load(answer)["study_summaries"]
                break
            except OSError:
                time.sleep(0.1)
        assert [study["study_name"] for study in studies] == ["grid"]
        cli("-m", *TINY[:-1], "name=later", "lr=0.1,0.01")
        with urllib.request.urlopen("http://127.0.0.1:18652/api/studies") as answer:
            studies = json.load(answer)["study_summaries"]
        assert [study["study_name"] for study in studies] == ["grid", "later"]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_the_dashboard_without_sweeps_is_one_line(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "hpsearch.dashboard"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 2
    assert shown.stderr.startswith("error: multirun: holds no sweep that has ended")
    assert shown.stderr.count("\n") == 1


def test_a_port_that_cannot_be_had_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        for port, why in {
            70000: "must be between 1 and 65535",
            taken: "Address already in use; give another one",
        }.items():
            with pytest.raises(UsageError, match=f"--port={port}: {why}"):
                dashboard.serve(tmp_path, f"sqlite:///{tmp_path / 'a.db'}", port)
    assert capsys.readouterr().out == ""


def test_a_storage_that_cannot_be_written_now_is_tried_again_by_the_next_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s").mkdir()
    asked = iter([[], StorageError("database is locked"), ["s: x"]])

    def enter(folder: Path, url: str | None) -> list[str]:
        found = next(asked)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(publish, "enter", enter)
    app = dashboard.renewed(lambda environ, start: [b"page"], tmp_path, None)
    (tmp_path / "s" / "summary.json").touch()
    for said in ("not in the dashboard: database is locked\n", "s: x\n", ""):
        assert app({}, print) == [b"page"]
        assert capsys.readouterr().err == said
