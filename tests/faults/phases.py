"""A signal in each phase of a command: the way it ends, and the same command afterwards."""

import signal
import time
from pathlib import Path
from typing import IO

from tests.faults.commands import TINY, Ended, ended, left_behind, records, run, start

GRID = ("-m", *TINY, "epochs=3", "lr=0.1,0.2", "seed=range(3)")
QUICK = (*GRID, "report=false")
LONG = ("-m", *TINY, "epochs=3000", "lr=0.1,0.2", "seed=range(3)", "report=false")
SEARCH = ("-m", *TINY, "epochs=300", "hydra/sweeper=hpsearch", "hydra/sweeper/pruner=median", "lr=interval(0.01,0.5)")
PHASES = {  # of a command: the text after whose line it has begun, or the seconds, and the command
    "start": (0.1, QUICK),
    "imports": (0.8, QUICK),
    "training": ("in training", LONG),
    "pruning": ("in training", (*SEARCH, "hydra.sweeper.n_trials=60", "report=false")),
    "confirm": ("the winner again", (*QUICK, "confirm=4")),
    "report": ("a row per run", GRID),
    "publish": ("report: ", GRID),
}
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143, signal.SIGKILL: -9}


def signalled(folder: Path, phase: str, number: int) -> Ended:
    """Run a command in `folder` that gets a signal in a phase."""
    after, arguments = PHASES[phase]
    process, lines = start(folder, *arguments), ""
    assert process.stdout is not None
    if isinstance(after, str):
        lines = _read_until(process.stdout, after)
    else:
        time.sleep(after)
    process.send_signal(number)
    end = ended(process)
    return Ended(end.code, lines + end.out, end.err)


def _read_until(stream: IO[str], text: str) -> str:
    lines = ""
    while text not in lines:
        line = stream.readline()
        assert line, f"{text!r} is not in {lines!r}"
        lines += line
    return lines


def faults_of(folder: Path, phase: str, number: int) -> list[str]:
    """The faults of a command that gets a signal in a phase, a line each; and of the same command afterwards."""
    first = signalled(folder, phase, number)
    faults = first.faults(SIGNALS[number])
    if number != signal.SIGKILL and "goes on" not in first.err and "to go on: " not in first.err:
        faults.append("no line says how to go on")
    if phase == "training":
        return faults  # the same command would take a minute
    known = records(folder)
    again = run(folder, *PHASES[phase][1])
    if known.keys() - records(folder).keys():
        faults.append("records are gone")
    return faults + again.faults(0) + left_behind(folder)
