"""Train a sweep's winner again: on seeds that the sweep did not use (``confirm=5``), or each seed's own winner under
other values (``retrain={split.validation:0}``).

In a process of its own, because Hydra cannot start a second sweep inside the first.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from hpsearch.cli import interrupt
from hpsearch.cli.task_function import typed_lines
from hpsearch.errors import SweepError
from hpsearch.formatting import count
from hpsearch.record.commands import override, overrides_of
from hpsearch.record.scripts import SCRIPT, script_path
from hpsearch.record.shape import Record
from hpsearch.report import confirmation, retraining
from hpsearch.report.findings import Findings

OF_THE_SWEEP = re.compile(r"\+*(seed|confirm|retrain|report|weights|plugins)=|\+*tracker[.=]")
TYPED = re.compile(r"\+*(plugins=|tracker[.=])")  # never those of a record: it is data
SECONDS_BETWEEN_LOOKS = 0.2  # for a signal
LAUNCHER = re.compile(r"\+*hydra[./]launcher")


def confirm(sweep: Path, found: Findings, hydra_cfg: DictConfig) -> None:
    """Train the winner of each data set on `hydra_cfg.confirm` fresh seeds, into the sweep's ``confirm/``.

    The seeds follow the largest that the sweep used. Raises SweepError if it fails.
    """
    first = int(found.runs.frame.seed.max()) + 1
    for winner in found.table.index[found.table.best]:
        print(f"the winner again, on {hydra_cfg.confirm} fresh seeds", flush=True)
        seeds = f"range({first},{first + hydra_cfg.confirm})"
        record = found.runs.records_of(winner)[0]
        given = arguments(record, seeds, sweep / confirmation.FOLDER, hydra_cfg)
        _run(f"confirm={hydra_cfg.confirm}", given, hydra_cfg)


def retrain(sweep: Path, found: Findings, hydra_cfg: DictConfig) -> None:
    """Train the winner of each seed again with the values of `hydra_cfg.retrain`, into the sweep's ``retrain/``.

    Raises as `confirm`.
    """
    winners = retraining.winners(found.runs)
    print(f"each seed's winner again: {count(len(winners), 'configuration')}", flush=True)
    changes = changes_of(hydra_cfg)
    for record, seeds in winners:
        folder = sweep / retraining.FOLDER
        given = arguments(record, ",".join(map(str, seeds)), folder, hydra_cfg, changes)
        _run(f"retrain={hydra_cfg.retrain}", given, hydra_cfg)


def changes_of(hydra_cfg: DictConfig) -> list[str]:
    """The values of ``retrain=`` as overrides."""
    values: Any = OmegaConf.to_container(hydra_cfg.retrain, resolve=True)
    return [override(str(key), value) for key, value in values.items()]


def arguments(
    record: Record, seeds: str, folder: Path, hydra_cfg: DictConfig, changes: Sequence[str] = ()
) -> list[str]:
    """The command line behind ``python -m hpsearch`` that trains a record's configuration on other seeds."""
    own = [(line, line.lstrip("+").partition("=")[0]) for line in overrides_of(record) if not OF_THE_SWEEP.match(line)]
    added = {key: line[: -len(line.lstrip("+"))] for line, key in own}  # the + of a key that no file has
    keys = {line.partition("=")[0] for line in changes}
    return [
        "-m",
        *(line for line, key in own if key not in keys),
        *(line for line in typed_lines(hydra_cfg.hydra, "task") if TYPED.match(line)),
        *(line for line in typed_lines(hydra_cfg.hydra, "hydra") if LAUNCHER.match(line)),
        *(["hydra.launcher.wait=true"] if "wait" in hydra_cfg.hydra.launcher else []),
        *(added.get(line.partition("=")[0], "") + line for line in changes),
        f"seed={seeds}",
        "confirm=0",
        "retrain=null",
        "report=false",
        override("hydra.sweep.dir", str(folder)),
    ]


def _run(key: str, given: list[str], hydra_cfg: DictConfig) -> None:
    path = script_path(hydra_cfg)
    program = ["hpsearch"] if path is None else ["hpsearch.cli.scripted", path, hydra_cfg[SCRIPT]["name"]]
    environment = {key: value for key, value in os.environ.items() if key != "HYDRA_FULL_ERROR"}
    with subprocess.Popen([sys.executable, "-m", *program, *given], env=environment) as process:
        while process.poll() is None and not interrupt.asked():
            with suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_BETWEEN_LOOKS)
        if interrupt.asked():
            process.terminate()  # Ctrl-C may have reached this process alone; its runs that have ended are kept
    code = process.returncode
    if code and not interrupt.asked():
        raise SweepError([f"{key}: the runs ended with exit code {code}"])
