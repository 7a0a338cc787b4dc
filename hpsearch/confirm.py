"""Run a sweep's winner again on seeds that the sweep did not use (``confirm=5``)."""

import re
import subprocess
import sys
from pathlib import Path

from omegaconf import DictConfig

from hpsearch.report.confirmation import FOLDER
from hpsearch.report.findings import Findings

OF_THE_SWEEP = re.compile(r"\+*(seed|confirm|report)=")
LAUNCHER = re.compile(r"\+*hydra[./]launcher")


def arguments(sweep: Path, found: Findings, winner: int, config: DictConfig) -> list[str]:
    """The command line, behind ``python -m hpsearch``; the seeds follow the largest that the sweep used."""
    first = int(found.runs.frame.seed.max()) + 1
    return [
        "-m",
        *(line for line in found.runs.one_of(winner)["overrides"] if not OF_THE_SWEEP.match(line)),
        *(line for line in config.hydra.overrides.hydra if LAUNCHER.match(line)),
        f"seed=range({first},{first + config.confirm})",
        "confirm=0",
        "report=false",
        f"hydra.sweep.dir={sweep / FOLDER}",
    ]


def run(sweep: Path, found: Findings, config: DictConfig) -> None:
    """Train the winner of each data set on `config.confirm` fresh seeds, into the sweep's ``confirm/``.

    In a process of its own: Hydra cannot start a second sweep inside the first. Ends this one where that one fails.
    """
    for winner in found.table.index[found.table.best]:
        print(f"the winner again, on {config.confirm} fresh seeds", flush=True)
        command = [sys.executable, "-m", "hpsearch", *arguments(sweep, found, winner, config)]
        code = subprocess.run(command, check=False).returncode
        if code:
            raise SystemExit(code)
