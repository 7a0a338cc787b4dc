"""A signal in each phase of a command: the way it ends, and the same command afterwards."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TINY = ("data=digits", "architecture.width=8", "batch_size=256", "name=s")
GRID = ("-m", *TINY, "epochs=3", "lr=0.1,0.2", "seed=range(3)")
LONG = ("-m", *TINY, "epochs=3000", "lr=0.1,0.2", "seed=range(3)", "report=false")
SEARCH = ("-m", *TINY, "epochs=300", "hydra/sweeper=hpsearch", "hydra/sweeper/pruner=median", "lr=interval(0.01,0.5)")
PHASES = {  # of a command: the line after which it has begun, None for the first tenth of a second
    "start": (None, (*GRID, "report=false")),
    "imports": ("", (*GRID, "report=false")),
    "training": ("epoch", LONG),
    "pruning": ("epoch", (*SEARCH, "hydra.sweeper.n_trials=60", "report=false")),
    "confirm": ("the winner again", (*GRID, "report=false", "confirm=4")),
    "report": ("a row per run", GRID),
    "publish": ("report: ", GRID),
}
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143, signal.SIGKILL: -9}
SECONDS = 60


@dataclass
class Ended:
    """The end of a command: its exit code and what it printed."""

    code: int
    out: str
    err: str


def run(folder: Path, arguments: tuple[str, ...], after: str | None = "never", number: int = 0) -> Ended:
    """Run a command of hpsearch in `folder`; send it a signal after a line that holds the text `after`."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "hpsearch", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines = "" if after is None else _read_until(process.stdout, after)
    if after is None or after == "":
        time.sleep(0.1 if after is None else 0.8)
    if number and (after is None or after in lines):
        process.send_signal(number)
    out, err = process.communicate(timeout=SECONDS)
    return Ended(process.returncode, lines + out, err)


def _read_until(stream: IO[str], text: str) -> str:
    lines = ""
    while text not in lines and (line := stream.readline()):
        lines += line
    return lines


def faults_of(phase: str, number: int, folder: Path) -> list[str]:
    """The faults of a command that gets a signal in a phase, a line each; and of the same command afterwards."""
    after, arguments = PHASES[phase]
    first, code = run(folder, arguments, after, number), SIGNALS[number]
    faults = [] if first.code == code else [f"exit code {first.code} in place of {code}: {first.err[-300:]}"]
    if "Traceback" in first.err:
        faults.append(f"a traceback: {first.err}")
    if number != signal.SIGKILL and "goes on" not in first.err and "to go on: " not in first.err:
        faults.append("no line says how to go on")
    if arguments[-1] == "report=false" and "epochs=3000" in arguments:
        return faults  # the same command would take a minute
    known = len(list(folder.glob("multirun/s/0*/record.json")))
    again = run(folder, arguments)
    if again.code:
        faults.append(f"the same command ends with exit code {again.code}: {again.err[-300:]}")
    if len(list(folder.glob("multirun/s/0*/record.json"))) < known:
        faults.append("records are gone")
    left = [path.name for path in folder.rglob("*") if path.name.startswith((".claim", ".record"))]
    left += [path.name for path in folder.rglob("checkpoint.safetensors")]
    return faults + [f"left behind: {name}" for name in left]
