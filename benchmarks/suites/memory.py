"""Peak memory of large stacks."""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.programs import ROOT
from benchmarks.timing import Found, Options, Unmeasured, table
from benchmarks.work import Work

PROCESSES = Path("/proc")
SECONDS_BETWEEN_LOOKS = 0.1
SEEDS = (1, 2, 5)  # of the grid's nine configurations


def memory(options: Options) -> Found:
    """The most memory that sweeps on Fashion-MNIST take, 784-400-400-10, all runs in lanes beside each other: of all
    their processes together, what they share (the data) counted once; an epoch shows it."""
    if not (PROCESSES / "self" / "smaps_rollup").exists():
        raise Unmeasured("not measured: only Linux tells what several processes take together")
    most = {len(work): _most(work) for work in (Work(seeds=seeds, epochs=1) for seeds in SEEDS)}
    first = min(most)
    columns = {
        "lanes": [f"{lanes}" for lanes in most],
        "GiB": [f"{mebibytes / 1024:.2f}" for mebibytes in most.values()],
        f"MiB a lane beyond {first}": [
            "" if lanes == first else f"{(mebibytes - most[first]) / (lanes - first):.0f}"
            for lanes, mebibytes in most.items()
        ],
    }
    return Found(table(columns), most)


def _most(work: Work) -> float:
    """MiB of one sweep."""
    overrides = *work.overrides, f"data.root={ROOT}", "report=false"
    command = [sys.executable, "-m", "hpsearch", "-m", *overrides]
    most = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as sweep,
    ):
        while sweep.poll() is None:
            most = max(most, _taken_by(sweep.pid))
            time.sleep(SECONDS_BETWEEN_LOOKS)
    if sweep.returncode:
        raise Unmeasured(f"failed with exit code {sweep.returncode}")
    return most / 1024


def _taken_by(session: int) -> int:
    """KiB of all processes of a session: of each its own and its share of what it shares ("Pss")."""
    taken = 0
    for folder in PROCESSES.glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if os.getsid(int(folder.name)) == session:
                lines = (folder / "smaps_rollup").read_text().splitlines()
                taken += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return taken
