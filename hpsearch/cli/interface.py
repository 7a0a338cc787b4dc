"""The Python interface: `sweep`, `train` and `records` do in a session what the command line does."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import pandas as pd

from hpsearch.cli import callbacks, command, command_line
from hpsearch.errors import UsageError
from hpsearch.record.commands import override
from hpsearch.record.frame import run_table
from hpsearch.record.shape import Record
from hpsearch.report import analysis
from hpsearch.report.findings import Findings
from hpsearch.report.tables import unrounded
from hpsearch.script.function import Script


class Sweep:
    """The runs in a sweep's folder and what they say, read when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"Sweep({str(self.folder)!r})"

    @property
    def records(self) -> list[Record]:
        """The record of each run, as in its ``record.json``."""
        return self._findings.runs.records

    @property
    def frame(self) -> pd.DataFrame:
        """A row per run, with the columns of ``runs.csv``."""
        return run_table(self._findings.runs)

    @property
    def table(self) -> pd.DataFrame:
        """A row per configuration, with the columns of ``table.csv``."""
        return unrounded(self._findings.table, self._findings.runs)

    @property
    def verdict(self) -> str:
        """Which configuration is best, by how much, and whether the difference is real."""
        return "\n\n".join(self._findings.paragraphs)

    @cached_property
    def _findings(self) -> Findings:
        return analysis.read([self.folder])


def sweep(*overrides: str, folder: str | Path | None = None, script: Script | None = None) -> Sweep:
    """Run ``python -m hpsearch -m <overrides>``: a grid or a search.

    folder: of the sweep, instead of ``multirun/<name>``. script: a user's, whose command it is. Raises UsageError for
    wrong usage, before anything trains, and SweepError if a run or trial has failed; the others have their records.
    """
    where = [] if folder is None else [override("hydra.sweep.dir", str(folder))]
    return _run("-m", *overrides, *where, script=script)


def train(*overrides: str, script: Script | None = None) -> Sweep:
    """Run ``python -m hpsearch <overrides>``: one run. Raises as `sweep`."""
    return _run(*overrides, script=script)


def records(folder: str | Path) -> pd.DataFrame:
    """The runs in a sweep's folder: a row per run, with the columns of ``runs.csv``. Raises UsageError without runs."""
    return run_table(analysis.read_runs([Path(folder)]))


def _run(*arguments: str, script: Script | None) -> Sweep:
    if sys.modules["__main__"] is not sys.modules.get("__mp_main__", sys.modules["__main__"]):
        call = "sweep" if "-m" in arguments else "train"
        must = "must stand under if __name__ == '__main__':, because a worker imports this file"
        raise UsageError([f"{call}({', '.join(map(repr, arguments))}): {must}"])
    other = UsageError([f"{' '.join(arguments)}: not the overrides of a run or sweep"])
    with _logging_kept():
        try:
            command_line.parsed(arguments)
        except UsageError as error:
            raise other from error
        try:
            command.run(arguments, script)
        except SystemExit as stop:  # of an option such as --help
            raise other from stop
    if callbacks.last_sweep is None:
        raise other
    return Sweep(callbacks.last_sweep.absolute())


@contextmanager
def _logging_kept() -> Iterator[None]:
    """The session's logging comes back when Hydra, which configures its own, has ended."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        yield
    finally:
        for handler in set(root.handlers) - set(handlers):
            root.removeHandler(handler)
            handler.close()
        root.handlers[:] = handlers
        root.setLevel(level)
