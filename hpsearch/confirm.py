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


def arguments(sweep: Path, found: Findings, config: DictConfig) -> list[str]:
    """The command line, behind ``python -m hpsearch``; the seeds follow the largest that the sweep used."""
    winner = found.runs.records[int((found.runs.frame.configuration == found.verdict.winner).argmax())]
    first = int(found.runs.frame.seed.max()) + 1
    return [
        "-m",
        *(line for line in winner["overrides"] if not OF_THE_SWEEP.match(line)),
        *(line for line in config.hydra.overrides.hydra if LAUNCHER.match(line)),
        f"seed=range({first},{first + config.confirm})",
        "confirm=0",
        "report=false",
        f"hydra.sweep.dir={sweep / FOLDER}",
    ]


def run(sweep: Path, found: Findings, config: DictConfig) -> None:
    """Train the winner on `config.confirm` fresh seeds, in a process of its own, into the sweep's ``confirm/``.

    Hydra cannot start a second sweep inside the first. Ends this process where that one fails.
    """
    print(f"the winner again, on {config.confirm} fresh seeds", flush=True)
    command = [sys.executable, "-m", "hpsearch", *arguments(sweep, found, config)]
    code = subprocess.run(command, check=False).returncode
    if code:
        raise SystemExit(code)
