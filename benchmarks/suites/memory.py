"""Peak memory of a large stack."""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.programs import ROOT
from benchmarks.timing import Found, Options, Unmeasured
from benchmarks.work import Work

PROCESSES = Path("/proc")
SECONDS_BETWEEN_LOOKS = 0.1


def memory(options: Options) -> Found:
    """The most memory that a sweep of 45 runs on Fashion-MNIST in one stack takes, of all its processes together, what
    they share counted once; an epoch shows it."""
    if not (PROCESSES / "self" / "smaps_rollup").exists():
        raise Unmeasured("not measured: only Linux tells what several processes take together")
    overrides = *Work(epochs=1).overrides, f"data.root={ROOT}"
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
    gibibytes = most / 2**20
    return Found(f"{gibibytes:.2f} GiB", gibibytes)


def _taken_by(session: int) -> int:
    """KiB of all processes of a session: of each its own and its share of what it shares ("Pss")."""
    taken = 0
    for folder in PROCESSES.glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if os.getsid(int(folder.name)) == session:
                lines = (folder / "smaps_rollup").read_text().splitlines()
                taken += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return taken
