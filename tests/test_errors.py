"""Errors are raised below the doors; only the doors print them and end the process."""

import ast
import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

import hpsearch
from hpsearch import shell
from hpsearch.cli import command
from hpsearch.errors import SweepError, UsageError
from tests.cli import TINY
from tests.task.test_train import break_runs

PACKAGE = Path(hpsearch.__file__).parent
DOORS = {"__main__.py", "dashboard.py", "doctor.py", "shell.py", "status.py", "report/__main__.py"}
BELOW = sorted(path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).as_posix() not in DOORS)


def ends_the_process(node: ast.AST) -> bool:
    """True for SystemExit raised, and for sys.exit, os._exit, exit or quit called."""
    if isinstance(node, ast.Raise) and node.exc is not None:
        return "SystemExit" in ast.unparse(node.exc)
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in ("sys.exit", "os._exit", "exit", "quit", "SystemExit")
    return isinstance(node, ast.ImportFrom) and node.module == "sys" and any(name.name == "exit" for name in node.names)


CHILD = {"script/training.py": "os._exit"}  # ends a process that a user's function has forked


@pytest.mark.parametrize("path", BELOW, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nothing_below_the_doors_ends_the_process(path: Path) -> None:
    text, allowed = path.read_text(), CHILD.get(path.relative_to(PACKAGE).as_posix())
    found = [node for node in ast.walk(ast.parse(text)) if ends_the_process(node)]
    assert [ast.unparse(node) for node in found if allowed is None or not ast.unparse(node).startswith(allowed)] == []


@pytest.mark.parametrize(
    "line", ["raise SystemExit", "raise SystemExit(2)", "import sys; sys.exit(1)", "from sys import exit", "quit()"]
)
def test_every_way_to_end_the_process_is_seen(line: str) -> None:
    assert any(map(ends_the_process, ast.walk(ast.parse(line))))


@pytest.mark.parametrize(
    "arguments",
    [
        ["lr=-1"],
        ["lrr=1"],
        ["-m", "lr=0.1,-1"],
        ["-m", "optimizer=sgd,foo"],
        ["-m", "lr=interval(0,1)"],
        ["-m", "hydra.sweep.dir=/dev/null/no"],
        ["-m", "hydra/sweeper=hpsearch", "lr=0.1", "hydra.sweeper.n_trials=0", "seed=range(2)"],
        ["-m", "hydra/sweeper=hpsearch", "lr=interval(1,0.1)"],
        ["-m", "hydra/launcher=basic", "lr=0.1,-1"],
        ["-m", "hydra/launcher=basic", "dropout.p=0,2"],
        ["-m", "dropout=none,0.3"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_raised(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mode = arguments[:1] if arguments[0] == "-m" else []
    with pytest.raises(UsageError):
        command.run([*mode, *TINY, *arguments[len(mode) :]])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", [[], ["-m"]], ids=["run", "sweep"])
def test_a_failure_of_training_is_raised(mode: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    break_runs(monkeypatch, lambda run: True)
    with pytest.raises(SweepError, match="no memory for this one"):
        command.run([*mode, *TINY, "name=s"])


def test_a_child_that_cannot_be_killed_is_asked_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of joblib have no `kill`."""
    asked: list[str] = []

    class Child:
        def terminate(self) -> None:
            asked.append("terminate")

    monkeypatch.setattr(multiprocessing, "active_children", lambda: [Child()])
    with shell.door():
        pass
    assert asked == ["terminate"]


def test_ctrl_c_while_python_executes_a_text_has_its_exit_code() -> None:
    interrupted = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    program = f"from hpsearch import shell\nwith shell.door():\n    exec({interrupted!r})"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 130
