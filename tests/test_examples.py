"""The examples run as their docstrings say, with fewer seeds."""

import ast
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli import records

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "runs"), [("plain_loop", 8), ("sklearn_pipeline", 8)])
def test_an_example_runs_as_it_says(tmp_path: Path, name: str, runs: int) -> None:
    text = ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text())) or ""
    python, script, *given = shlex.split(text.split("\n\n")[1])
    assert (python, script) == ("python", f"examples/{name}.py")
    arguments = ["seed=0,1" if argument.startswith("seed=") else argument for argument in given]
    line = [sys.executable, EXAMPLES.parent / script, *arguments, "name=e"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(EXAMPLES.parent), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "is best" in done.stdout
    found = records(tmp_path / "multirun" / "e")
    assert len(found) == runs
    assert all(record["metrics"]["test_accuracy"] > 0.1 for record in found.values())
