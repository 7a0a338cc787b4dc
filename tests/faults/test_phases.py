"""A signal in a phase of a command; the full table of phases and signals is in ``python -m benchmarks faults``."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.phases import GRID, PHASES, SIGNALS, faults_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals as on Linux")


@pytest.mark.long
def test_a_command_ends_well_while_it_confirms(tmp_path: Path) -> None:
    assert faults_of(tmp_path, "confirm", signal.SIGTERM) == []


@pytest.mark.long
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("phase", PHASES)
def test_a_command_ends_well_in_every_phase(tmp_path: Path, phase: str, number: int) -> None:
    assert faults_of(tmp_path, phase, number) == []


@pytest.mark.slow
def test_training_outlives_a_pipe_that_closes_and_a_terminal_that_hangs_up_under_nohup(tmp_path: Path) -> None:
    command = (
        f"trap '' HUP; {sys.executable} -m hpsearch {' '.join(GRID)} report=false | head -1; echo ${{PIPESTATUS[0]}}"
    )
    command = command.replace("seed=range(3)", "'seed=range(3)'")
    process = subprocess.Popen(["bash", "-c", command], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    time.sleep(1)  # until it has set the trap
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(timeout=60)
    assert out.splitlines()[-1] == "1"
    assert (tmp_path / "multirun/s/runs.csv").read_text().count("finished") == 6


@pytest.mark.slow
def test_a_full_disk_behind_the_output_costs_no_result(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "hpsearch", *GRID, "report=false"]
        ended = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.endswith("the output could not be printed (No space left on device); the files are written\n")
    assert (tmp_path / "multirun/s/runs.csv").exists()
