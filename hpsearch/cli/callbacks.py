"""Hydra's callbacks: the checks before a run or a sweep leaves anything, the results at its end.

Long, because the beginning and the end of a command are read together.
"""

import math
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from hpsearch.cli import checks, interrupt, storage_url, task_function, tracking, trusted
from hpsearch.cli.error_lines import FOUND, carried
from hpsearch.cli.launcher import StackedLauncherConf
from hpsearch.cli.slurm.options import SlurmLauncherConf
from hpsearch.components.split import folds_of
from hpsearch.errors import NothingStarted, UsageError, require
from hpsearch.formatting import count, inert
from hpsearch.record.claim import Claim, release_all
from hpsearch.record.file import number, read_record
from hpsearch.record.folders import fault_of_folder
from hpsearch.record.implied import DEFAULT
from hpsearch.record.measure import Measure
from hpsearch.record.multirun import MULTIRUN, is_searched
from hpsearch.script.function import Script
from hpsearch.streams import transient
from hpsearch.task import plugins, script_identity
from hpsearch.task.config import check_keys
from hpsearch.task.prepare import prepare, warn

PLANNING = (StackedLauncherConf._target_, SlurmLauncherConf._target_)  # launchers that know ``plan=true``
TAKEN = ("hpsearch.db", "hpsearch.db-journal", "hpsearch.db-wal", "hpsearch.db-shm", "artifacts")  # beside the sweeps
MOST_SEEDS = 10_000
LONGEST_NAME = 200  # bytes; file systems take 255, with a number and a suffix
NO_RESULTS = (*FOUND, UsageError, NothingStarted, KeyboardInterrupt)  # a sweep that these end prints no results

last_sweep: Path | None = None  # the folder of the sweep or run that this process began last
script: Script | None = None  # that trains the runs of this command


class Callbacks(Callback):
    """Named in ``conf/config.yaml``."""

    @carried
    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check a single run, and say what it would do if that was asked."""
        HydraConfig.instance().set_config(config)  # as Hydra does for a sweep: ${hydra:…} may stand in a configuration
        sweep = _begin(config)
        if fault := fault_of_folder(sweep, runs=1):
            raise UsageError([fault])
        checks.check_run(config)
        overrides = task_function.overrides_of(config.hydra, task_function.typed_lines(config.hydra, "task"))
        runs = prepare([(config, overrides)], sweep, complete=True)
        if fault := fault_of_folder(Path(config.hydra.run.dir), runs=1):
            raise UsageError([fault])
        if folds := _folds(config):
            print(f"split=kfold: this run selects on fold {config.seed % folds} of {folds}; -m trains on all of them")
        if config.plan:
            from hpsearch.task import plan

            print("\n".join(plan.describe(runs, sweep, lanes=1)))
            raise NothingStarted
        Claim(Path(config.hydra.run.dir), shares=False)
        tracking.begin_run(config, Path(config.hydra.run.dir))

    @carried
    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the keys of the sweep itself."""
        sweep = _begin(config)
        plugins.check_not_swept(config.hydra.sweeper)
        if config.plan and config.hydra.launcher._target_ not in PLANNING:  # others would launch
            from hpsearch.cli.confirm import LAUNCHER

            with read_write(config.hydra), open_dict(config.hydra):
                config.hydra.launcher = StackedLauncherConf
                config.hydra.runtime.choices["hydra/launcher"] = "stacked"
                typed = task_function.typed_lines(config.hydra, "hydra")
                config.hydra.overrides.hydra = [line for line in typed if not LAUNCHER.match(line)]
        checks.check_sweep(config)
        fault = fault_of_folder(sweep, runs=1)
        if fault is not None:
            raise UsageError([fault])
        require(config.confirm >= 0, "confirm", config.confirm, "a number of seeds, 0 for none")
        require(config.confirm <= MOST_SEEDS, "confirm", config.confirm, f"at most {MOST_SEEDS:,} seeds")
        mapping = config.retrain is None or OmegaConf.is_dict(config.retrain)
        require(mapping, "retrain", config.retrain, "keys with other values, such as {split.validation:0}, or null")
        checks.check_retrain(config)
        folds = _folds(config)
        if folds:
            must = f"0 or a multiple of {folds}, the folds of split=kfold"
            require(config.confirm % folds == 0, "confirm", config.confirm, must)
            _name_all_folds(config.hydra, folds)
        if not config.plan and not is_searched(config) and not is_part(config):
            Claim(sweep, shares=False)
        if not config.plan and not is_part(config):
            tracking.begin_sweep(config)

    @carried
    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Print the result of a single run."""
        if config.hydra.mode is None or config.hydra.mode.name == "RUN":
            _print_run(Path(config.hydra.runtime.output_dir))
            if config.get("report"):
                from hpsearch.cli import sweep_end

                with interrupt.listening("the page"):
                    sweep_end.page_of_run(config)

    @carried
    def on_run_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Wait until the run is written into the trackers."""
        tracking.end(last_look=not isinstance(sys.exc_info()[1], UsageError))

    @carried
    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print and write the results of a sweep, also of one that an error has ended."""
        if is_part(config):
            return
        error = sys.exc_info()[1]  # Hydra calls this in any case
        if isinstance(error, NO_RESULTS):
            tracking.end(last_look=isinstance(error, KeyboardInterrupt))
            release_all()
            return _remove_if_without_runs(Path(config.hydra.sweep.dir))
        from hpsearch.cli import sweep_end

        try:
            with interrupt.listening("the results"):
                sweep_end.results(config)
        finally:
            tracking.end()
        if interrupt.asked():
            raise interrupt.stop(f"interrupted; to go on: {sweep_end.resume_command(config)}")


def _folds(config: DictConfig) -> int | None:
    """The number of folds. A script's keys, and those of a foreign task, are its own."""
    return None if script is not None else folds_of(config.get("split") or DEFAULT)


def is_part(config: DictConfig) -> bool:
    """True in a task of a cluster, which trains a part of a sweep."""
    return bool(config.hydra.launcher.get("part"))


def _name_all_folds(hydra: Any, folds: int) -> None:
    """Let Hydra's own sweeper repeat each job on every fold, unless the command names seeds."""
    typed = any(line.lstrip("+").startswith("seed=") for line in task_function.typed_lines(hydra, "task"))
    params = hydra.sweeper.get("params") or {}
    if not is_searched({"hydra": hydra}) and not typed and "seed" not in params:
        with read_write(hydra), open_dict(hydra):
            hydra.overrides.task = [*task_function.typed_lines(hydra, "task"), f"seed=range({folds})"]


def _begin(config: DictConfig) -> Path:
    """Check the name of a run or sweep; returns its folder."""
    global last_sweep
    warn.cache_clear()
    transient("checking the command")
    checks.check_hydra(config)
    if script is None:
        check_keys(config)
    else:
        script_identity.check_keys(config, script)
    name = config.name
    fits = len(name.encode("utf-8", "replace")) <= LONGEST_NAME and name not in ("", ".", "..") and "/" not in name
    fits = fits and inert(name) == name and name not in TAKEN  # a newline would end a line of what is printed
    elsewhere = "hydra.sweep.dir=… (for one run hydra.run.dir=…) puts it elsewhere"
    require(fits, "name", name, f"the name of a folder, of 1 to {LONGEST_NAME} bytes without /; {elsewhere}")
    storage_url.hide(config)
    if not is_part(config):  # whose runs another command writes
        tracking.check(config)
    if script is None:
        plugins.check(config, task_function.typed_lines(config.hydra, "task"))
    trusted.check(config)
    trusted.check_links(Path(config.hydra.sweep.dir))
    last_sweep = Path(config.hydra.sweep.dir)
    return last_sweep


def _remove_if_without_runs(sweep: Path) -> None:
    """Remove the folder that was made before a fault was found, if no run has left anything."""
    inside = os.listdir(sweep) if sweep.is_dir() else []
    empty = [name for name in inside if (sweep / name).is_dir() and not os.listdir(sweep / name)]
    if sweep.is_dir() and set(inside) - set(empty) <= {MULTIRUN}:
        shutil.rmtree(sweep)
        with suppress(OSError):  # its parent holds other sweeps
            sweep.parent.rmdir()


def _print_run(folder: Path) -> None:
    """Print the result of one run, if it has a record."""
    record = read_record(folder)
    if record is None:
        return
    metrics = record["metrics"]
    if record["status"] == "finished":
        measure, epochs = Measure.of(record), len(record["history"]["train_loss"])
        values = {"validation": number(metrics[measure.val]), "test": number(metrics[measure.test])}
        sign = measure.percent.strip()
        parts = [f"{part} {measure.value(value)}{sign}" for part, value in values.items() if not math.isnan(value)]
        kept = f" (epoch {record['epoch']} is kept)" if record["epoch"] != epochs else ""
        seconds = record["seconds"]
        after = f"{measure.title} after {count(epochs, 'epoch')}{kept}, {seconds:.1f} s of training"
        print(f"{', '.join(parts) or 'no value of'} {after}")
    else:
        print(f"{record['status']}: {record['reason']}")
    print(f"record in {folder}")
