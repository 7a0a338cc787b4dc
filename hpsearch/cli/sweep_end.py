"""The end of a sweep or run: its results are printed and written."""

import os
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from hpsearch.cli import confirm, interrupt, winner_files
from hpsearch.cli.storage_url import STORAGE
from hpsearch.errors import write_errors
from hpsearch.record import commands
from hpsearch.record.file import read_record, write_text
from hpsearch.record.folders import FOLDER, run_folders
from hpsearch.record.frame import write_runs
from hpsearch.record.multirun import MULTIRUN
from hpsearch.report import analysis, sections, summary_json, write
from hpsearch.report.findings import Findings
from hpsearch.search.config import SweeperConf
from hpsearch.streams import transient


def resume_command(hydra_cfg: DictConfig) -> str:
    """The command that goes on with this sweep."""
    cfg: Any = OmegaConf.to_container(hydra_cfg, resolve=False)
    return commands.resume_command(cfg, hydra_cfg.name)


def results(hydra_cfg: DictConfig) -> None:
    """Print table and verdict; write ``runs.csv``, ``summary.json`` and the report; confirm the winner."""
    sweep = Path(hydra_cfg.hydra.sweep.dir)
    if not sweep.is_dir() or not any(read_record(sweep / name) for name in run_folders(sweep)):
        return
    transient("reading the records")
    found = analysis.read([sweep])
    with write_errors(sweep):
        write_runs(sweep, found.runs)
        summary_json.write(found, sweep)
    write.show(found, Console())
    analysis.note_looks(found)
    print(f"a row per run: {sweep / 'runs.csv'}")
    for asked, again in ((hydra_cfg.confirm, confirm.confirm), (hydra_cfg.retrain, confirm.retrain)):
        if not asked or interrupt.asked():
            continue
        said = found.paragraphs
        again(sweep, found, hydra_cfg)
        found = analysis.read([sweep])
        for paragraph in found.paragraphs[len(said) :]:
            Console().print(paragraph, markup=False, highlight=False)
    keep = hydra_cfg.get("weights", "none")
    winner_files.finish(found, keep, hydra_cfg.hydra.output_subdir, final=not interrupt.asked())
    if not (sweep / MULTIRUN).exists():  # Optuna's stock sweeper writes none
        with write_errors(sweep):
            write_text(sweep / MULTIRUN, OmegaConf.to_yaml(hydra_cfg))
    if hydra_cfg.report and not interrupt.asked():
        transient("writing the page")
        _write_page(found, sweep)
        print(f"in the browser: {_dashboard_command(hydra_cfg, sweep)}")


def page_of_run(hydra_cfg: DictConfig) -> None:
    """Write the page of a single run that is alone in its sweep's folder."""
    folder = Path(hydra_cfg.hydra.runtime.output_dir)
    sweep = folder.parent
    if not FOLDER.fullmatch(folder.name) or run_folders(sweep) != [folder.name] or read_record(folder) is None:
        return
    transient("writing the page")
    found = analysis.read([sweep])
    keep = hydra_cfg.get("weights", "none")
    winner_files.finish(found, keep, hydra_cfg.hydra.output_subdir, final=False)
    _write_page(found, sweep)


def _write_page(found: Findings, sweep: Path) -> None:
    output = write.place([sweep])
    with write_errors(output):
        write.write(found, output, sections.sections(found))
    print(f"report: {output / 'index.html'}")


def _dashboard_command(hydra_cfg: DictConfig, sweep: Path) -> str:
    """The command that shows the sweep, and the others of its folder or of its search's own storage."""
    sweeper_cfg, own = hydra_cfg.hydra.sweeper, None
    if sweeper_cfg._target_ == SweeperConf._target_ and sweeper_cfg.storage:
        from hpsearch.search.storage import masked  # late, because a grid needs no Optuna

        own = masked(os.environ[STORAGE])
    return commands.dashboard_command(sweep.parent, own)
