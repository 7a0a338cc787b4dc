"""Peak memory of a large stack."""

import subprocess
import sys
import tempfile

from benchmarks.programs import ROOT
from benchmarks.timing import Found, Options
from benchmarks.work import Work


def memory(options: Options) -> Found:
    """The most memory that a sweep of 45 runs on Fashion-MNIST in one stack takes; an epoch shows it."""
    overrides = *Work(epochs=1).overrides, f"data.root={ROOT}"
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", script, sys.executable, "-m", "hpsearch", "-m", *overrides]
        shown = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    gibibytes = int(shown.stdout) / 2**20
    return Found(f"{gibibytes:.2f} GiB", gibibytes)
