"""How a sweep ends: its results, printed, written and entered into the dashboard's storage."""

import os
import re
import sys
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from hpsearch import confirm, interrupt, record
from hpsearch.attach import STORAGE
from hpsearch.report import findings, folder, origin, runs, summary
from hpsearch.report.findings import Findings
from hpsearch.sweeper_config import SweeperConf
from hpsearch.usage import exit_on_write_error, exit_on_wrong_usage


def resume_command(config: DictConfig) -> str:
    """The command that started this sweep, with the name that it was given, so that it goes on in its folder."""
    typed = [*config.hydra.overrides.hydra, *config.hydra.overrides.task]
    named = any(re.match(r"(name|hydra\.sweep\.dir|experiment|search)=", line) for line in typed)
    lines = [line for line in typed if line != "hydra.mode=MULTIRUN"]
    return origin.command("-m", *record.flags(config.hydra), *lines, *([] if named else [f"name={config.name}"]))


def results(config: DictConfig) -> None:
    """Table and verdict, ``runs.csv`` and ``summary.json``, the winner's confirmation, the report."""
    sweep = Path(config.hydra.sweep.dir)
    if not sweep.is_dir() or not any(record.read(sweep / name) for name in record.run_folders(sweep)):
        return
    with exit_on_wrong_usage():
        found = findings.read([sweep])
    folder.show(found, Console())
    with exit_on_write_error(sweep):
        runs.write_runs(sweep, found.runs)
        summary.write(found, sweep)
    print(f"a row per run: {sweep / 'runs.csv'}")
    if config.confirm and not interrupt.asked():
        said = found.paragraphs
        confirm.run(sweep, found, config)
        found = findings.read([sweep])
        for paragraph in found.paragraphs[len(said) :]:
            Console().print(paragraph, markup=False, highlight=False)
    if not (sweep / "multirun.yaml").exists():  # Optuna's stock sweeper writes none
        with exit_on_write_error(sweep):
            OmegaConf.save(config, sweep / "multirun.yaml")
    if config.report:
        output = folder.place([sweep])
        with exit_on_write_error(output):
            folder.write(found, output)
        print(f"report: {output / 'index.html'}")
        _publish(config, found, output)


def _publish(config: DictConfig, found: Findings, output: Path) -> None:
    """Into the storage of its search, or the one beside the sweeps; a sweep that cannot be entered is no worse."""
    from hpsearch.database import StorageError
    from hpsearch.publish import publish

    sweep = Path(config.hydra.sweep.dir)
    conf = config.hydra.sweeper
    searched = conf._target_ == SweeperConf._target_
    url = os.environ[STORAGE] if searched else f"sqlite:///{sweep.parent / 'hpsearch.db'}"
    try:
        publish(found, sweep, output, url, (searched and conf.study_name) or sweep.name, resume_command(config))
    except StorageError as error:
        print(f"not in the dashboard: {error}", file=sys.stderr)
    else:
        print("in the browser: python -m hpsearch.dashboard")
