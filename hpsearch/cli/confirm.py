"""Run a sweep's winner again on seeds that the sweep did not use (``confirm=5``)."""

import os
import re
import subprocess
import sys
from pathlib import Path

from omegaconf import DictConfig

from hpsearch.errors import SweepError
from hpsearch.record.commands import override
from hpsearch.report.analysis import Findings
from hpsearch.report.confirmation import FOLDER

OF_THE_SWEEP = re.compile(r"\+*(seed|confirm|report)=")
LAUNCHER = re.compile(r"\+*hydra[./]launcher")


def arguments(sweep: Path, found: Findings, winner: int, hydra_cfg: DictConfig) -> list[str]:
    """The command line behind ``python -m hpsearch``. The seeds follow the largest that the sweep used."""
    first = int(found.runs.frame.seed.max()) + 1
    return [
        "-m",
        *(line for line in found.runs.records_of(winner)[0]["overrides"] if not OF_THE_SWEEP.match(line)),
        *(line for line in hydra_cfg.hydra.overrides.hydra if LAUNCHER.match(line)),
        f"seed=range({first},{first + hydra_cfg.confirm})",
        "confirm=0",
        "report=false",
        override("hydra.sweep.dir", str(sweep / FOLDER)),
    ]


def run(sweep: Path, found: Findings, hydra_cfg: DictConfig) -> None:
    """Train the winner of each data set on `hydra_cfg.confirm` fresh seeds, into the sweep's ``confirm/``.

    In a process of its own, because Hydra cannot start a second sweep inside the first. Raises SweepError if it fails,
    KeyboardInterrupt if it was interrupted.
    """
    environment = {key: value for key, value in os.environ.items() if key != "HYDRA_FULL_ERROR"}
    for winner in found.table.index[found.table.best]:
        print(f"the winner again, on {hydra_cfg.confirm} fresh seeds", flush=True)
        command = [sys.executable, "-m", "hpsearch", *arguments(sweep, found, winner, hydra_cfg)]
        code = subprocess.run(command, env=environment, check=False).returncode
        if code == 130:
            raise KeyboardInterrupt
        if code:
            raise SweepError([f"confirm={hydra_cfg.confirm}: the run of the winner ended with exit code {code}"])
