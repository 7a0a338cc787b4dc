"""What needs no training imports no torch: help, bad input and the report answer at once."""

import subprocess
import sys
from pathlib import Path

from tests.made_records import seeds, sweep

PROGRAM = """
import sys
from {module} import main

for number, arguments in enumerate({commands}):
    sys.argv = ["hpsearch", *arguments]
    try:
        main()
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    imported = sorted({{"torch", "sklearn", "hydra"}} & sys.modules.keys())
    print(f"command {{number}}:", code, *imported, flush=True)
"""


def imported(folder: Path, module: str, *commands: list[str]) -> list[str]:
    """The exit code of each command, and which of the heavy packages are imported after it. One process for all."""
    program = PROGRAM.format(module=module, commands=list(commands))
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    return [line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("command ")]


def test_help_and_bad_input_need_no_torch(tmp_path: Path) -> None:
    commands = {
        ("--help",): 0,
        ("--cfg", "job"): 0,
        ("lrr=1",): 2,
        ("-m", "optimizer=sgd,adm"): 2,
        ("lr=-1",): 2,
        ("-m", "lr=0.1,-1"): 2,
        ("optimizer.momentum=2", "dropout.p=1", "architecture.width=0", "batch_size=0", "precision=half"): 2,
        ("-m", "search=quick", "lr=-1"): 2,
    }
    found = imported(tmp_path, "hpsearch.__main__", *map(list, commands))
    assert found == [f"{code} hydra" for code in commands.values()]


def test_a_report_needs_neither_torch_nor_hydra(tmp_path: Path) -> None:
    entries = [entry for lr in (0.1, 0.01) for entry in seeds([0.9 - lr, 0.8, 0.85], lr=lr)]
    sweep(tmp_path / "swept", entries)
    assert imported(tmp_path, "hpsearch.report.__main__", ["swept"]) == ["0"]
    assert (tmp_path / "swept" / "report" / "index.html").exists()
