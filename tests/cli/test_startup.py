"""What needs no training imports no torch: help, bad input and the report answer at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.made_records import seeds, sweep

PROGRAM = """
import atexit, runpy, sys
atexit.register(lambda: print("imported:", *sorted({"torch", "sklearn", "hydra"} & sys.modules.keys())))
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


def imported(folder: Path, *arguments: str) -> tuple[int, list[str]]:
    """The exit code of ``python -m <arguments>``, and which of the heavy packages it has imported."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ["--help"]),
        (0, ["--cfg", "job"]),
        (2, ["lrr=1"]),
        (2, ["-m", "optimizer=sgd,adm"]),
        (2, ["lr=-1"]),
        (2, ["-m", "lr=0.1,-1"]),
        (2, ["optimizer.momentum=2", "dropout.p=1", "architecture.width=0", "batch_size=0", "precision=half"]),
        (2, ["-m", "search=quick", "lr=-1"]),
    ],
    ids=str,
)
def test_help_and_bad_input_need_no_torch(tmp_path: Path, code: int, arguments: list[str]) -> None:
    assert imported(tmp_path, "hpsearch", *arguments) == (code, ["hydra"])


def test_a_report_needs_neither_torch_nor_hydra(tmp_path: Path) -> None:
    entries = [entry for lr in (0.1, 0.01) for entry in seeds([0.9 - lr, 0.8, 0.85], lr=lr)]
    sweep(tmp_path / "swept", entries)
    assert imported(tmp_path, "hpsearch.report", "swept") == (0, [])
    assert (tmp_path / "swept" / "report" / "index.html").exists()
