"""What Hydra calls around a run or a sweep: the checks before anything is written, the results at the end."""

import os
import re
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from hpsearch import confirm, interrupt, plan, record
from hpsearch.attach import STORAGE
from hpsearch.check import checked
from hpsearch.faults import FOUND
from hpsearch.launcher import StackedLauncherConf
from hpsearch.ranges import require
from hpsearch.report import origin
from hpsearch.report.findings import Findings
from hpsearch.sweeper_config import SweeperConf
from hpsearch.usage import UsageError, exit_on_write_error, exit_on_wrong_usage


class Callbacks(Callback):
    """Named in ``conf/config.yaml``."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        sweep = Path(config.hydra.sweep.dir)
        with exit_on_wrong_usage():
            _check_name(config.name)
            jobs = checked([config], sweep)
        if config.plan:
            print("\n".join(plan.describe(jobs, sweep, lanes=1)))
            raise SystemExit(0)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        interrupt.reset()
        if config.plan and config.hydra.launcher._target_ != StackedLauncherConf._target_:  # which would launch
            with read_write(config.hydra), open_dict(config.hydra):
                config.hydra.launcher = StackedLauncherConf
                config.hydra.runtime.choices["hydra/launcher"] = "stacked"
                typed = config.hydra.overrides.hydra
                config.hydra.overrides.hydra = [line for line in typed if not confirm.LAUNCHER.match(line)]
        with exit_on_wrong_usage():
            _check_name(config.name)
            fault = record.fault_of_folder(Path(config.hydra.sweep.dir), runs=1)
            if fault is not None:
                raise UsageError([fault])
            require(config.confirm >= 0, "confirm", config.confirm, "a number of seeds, 0 for none")

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        if config.hydra.mode is None or config.hydra.mode.name == "RUN":
            _print_run(Path(config.hydra.runtime.output_dir))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        error = sys.exc_info()[1]  # Hydra calls this in any case
        wrong_usage = isinstance(error, FOUND) or (isinstance(error, SystemExit) and error.code == 2)
        if config.plan or wrong_usage or isinstance(error, KeyboardInterrupt):
            return _remove_if_without_runs(Path(config.hydra.sweep.dir))
        _results(config)
        if interrupt.asked():
            print(f"interrupted; to go on: {_resume_command(config)}", file=sys.stderr)
            raise SystemExit(interrupt.EXIT_CODE)


def _remove_if_without_runs(sweep: Path) -> None:
    """Hydra makes the folder before it has looked at the jobs."""
    if sweep.is_dir() and os.listdir(sweep) == ["multirun.yaml"]:
        shutil.rmtree(sweep)
        with suppress(OSError):  # its parent holds other sweeps
            sweep.parent.rmdir()


def _check_name(name: str) -> None:
    must = "the name of a folder, without /; hydra.sweep.dir=… (for one run hydra.run.dir=…) puts it elsewhere"
    require(name not in ("", ".", "..") and "/" not in name, "name", name, must)


def _resume_command(config: DictConfig) -> str:
    """The command that started this sweep, with the name that it was given, so that it goes on in its folder."""
    typed = [*config.hydra.overrides.hydra, *config.hydra.overrides.task]
    named = any(re.match(r"(name|hydra\.sweep\.dir|experiment|search)=", line) for line in typed)
    lines = [line for line in typed if line != "hydra.mode=MULTIRUN"]
    return origin.command("-m", *record.flags(config.hydra), *lines, *([] if named else [f"name={config.name}"]))


def _results(config: DictConfig) -> None:
    """Table and verdict, ``runs.csv`` and ``summary.json``, the winner's confirmation, the report."""
    from rich.console import Console

    from hpsearch.report import findings, folder, runs, summary

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
        publish(found, sweep, output, url, (searched and conf.study_name) or sweep.name, _resume_command(config))
    except StorageError as error:
        print(f"not in the dashboard: {error}", file=sys.stderr)
    else:
        print("in the browser: python -m hpsearch.dashboard")


def _print_run(folder: Path) -> None:
    """Print the result of one run, if it has a record."""
    r = record.read(folder)
    if r is None:
        return
    metrics = r["metrics"]
    if r["status"] == "finished":
        accuracies = f"validation {metrics['val_accuracy']:.2%}, test {metrics['test_accuracy']:.2%}"
        print(
            f"{accuracies} accuracy after {len(r['history']['val_accuracy'])} epochs, {r['seconds']:.1f} s of training"
        )
    else:
        print(f"{r['status']}: {r['reason']}")
    print(f"record in {folder}")
