"""The command line in this process: a new interpreter for each of a hundred commands would take minutes."""

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from hpsearch import __main__
from hpsearch.record.file import read_record
from hpsearch.record.folders import run_folders
from hpsearch.record.shape import Record

TINY = ("data=digits", "architecture.width=8", "batch_size=256", "epochs=2", "report=false")


@dataclass
class Shown:
    code: int
    out: str
    err: str


class Cli:
    """Runs ``python -m hpsearch`` in a folder of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder, self._monkeypatch, self._capfd = folder, monkeypatch, capfd

    def __call__(self, *arguments: str) -> Shown:
        self._capfd.readouterr()
        with self._monkeypatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["hpsearch", *arguments])
            code = 0
            try:
                __main__.main()
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else 1
        out, err = self._capfd.readouterr()
        return Shown(code, out, err)

    @property
    def multirun(self) -> Path:
        return self.folder / "multirun"


def records(sweep: Path) -> dict[str, Record]:
    """The record of each run of a sweep that has one, by its folder."""
    return {name: entry for name in run_folders(sweep) if (entry := read_record(sweep / name))}


def rows(sweep: Path) -> list[dict[str, str]]:
    """The rows of ``runs.csv``."""
    with (sweep / "runs.csv").open() as file:
        return list(csv.DictReader(file))
