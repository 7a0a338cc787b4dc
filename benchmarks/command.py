"""Whole commands, from the interpreter's start to its end, each in a folder of its own."""

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.programs import ROOT
from benchmarks.timing import Measured, Unmeasured
from benchmarks.work import Work, accuracies
from hpsearch.record.file import load_record
from hpsearch.record.folders import run_folders

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Done:
    """A command that has ended. records: those of hpsearch's sweep ``name=s``."""

    seconds: float
    output: str
    records: list[dict[str, Any]]

    @property
    def training(self) -> float:
        """Seconds of training, as the records tell."""
        return float(sum(entry["seconds"] for entry in self.records))


def ended_in(folder: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``python -m`` these in a folder, with this checkout's hpsearch."""
    path = os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "HPSEARCH_DATA": str(ROOT)}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


def run(*arguments: str, exit_codes: Collection[int] = (0,)) -> Done:
    """``python -m`` these. Raises Unmeasured where it ends in another exit code."""
    with tempfile.TemporaryDirectory() as folder:
        started = perf_counter()
        ended = ended_in(folder, *arguments)
        seconds = perf_counter() - started
        if ended.returncode not in exit_codes:
            said = ended.stderr.strip().splitlines() or ["it said nothing"]
            raise Unmeasured(f"failed with exit code {ended.returncode}: {said[-1]}")
        sweep = Path(folder, "multirun", "s")
        folders = run_folders(sweep) if sweep.is_dir() else []
        return Done(seconds, ended.stdout, [load_record(sweep / each) for each in folders])


def timed(*arguments: str, exit_codes: Collection[int] = (0,)) -> Measured:
    """The time of a command that trains nothing worth telling."""
    return Measured(run(*arguments, exit_codes=exit_codes).seconds)


def hpsearch(work: Work, *overrides: str, experiment: str = "quickstart") -> Measured:
    """The work as a sweep: a table at its end, and a record of each run."""
    done = sweep(f"experiment={experiment}", *work.overrides, *overrides)
    trained = [entry["history"]["val_accuracy"][-1] for entry in done.records if entry["status"] != "failed"]
    return _measured(done.seconds, trained, len(work))


def sweep(*overrides: str) -> Done:
    """A sweep of hpsearch's without the report's figures and page."""
    return run("hpsearch", "-m", *overrides, "name=s", "report=false")


def peer(name: str, *arguments: str, work: Work, needs: str | None = None) -> Measured:
    """The work by ``benchmarks.peers.<name>``. needs: a package that has to be there."""
    if needs is not None and importlib.util.find_spec(needs) is None:
        raise Unmeasured("not installed: pip install -e '.[bench]'")
    done = run(f"benchmarks.peers.{name}", *arguments)
    return _measured(done.seconds, accuracies(done.output), len(work))


def _measured(seconds: float, trained: list[float], runs: int) -> Measured:
    if len(trained) != runs:
        raise Unmeasured(f"failed: it trained {len(trained)} of {runs} runs")
    return Measured(seconds, statistics.fmean(trained))
