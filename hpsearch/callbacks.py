"""What Hydra calls around a run or a sweep: the checks before anything is written, the results at the end."""

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict, read_write

from hpsearch import interrupt, record
from hpsearch.check import checked
from hpsearch.hydra_errors import FOUND
from hpsearch.launcher import StackedLauncherConf
from hpsearch.ranges import require
from hpsearch.usage import UsageError, exit_on_wrong_usage

LONGEST_NAME = 200  # bytes; file systems take 255, with what is added


class Callbacks(Callback):
    """Named in ``conf/config.yaml``."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        sweep = Path(config.hydra.sweep.dir)
        with exit_on_wrong_usage():
            _check_name(config.name)
            jobs = checked([config], sweep)
        if config.plan:
            from hpsearch import plan

            print("\n".join(plan.describe(jobs, sweep, lanes=1)))
            raise SystemExit(0)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        interrupt.reset()
        if config.plan and config.hydra.launcher._target_ != StackedLauncherConf._target_:  # which would launch
            from hpsearch import confirm

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
        from hpsearch import ending

        ending.results(config)
        if interrupt.asked():
            print(f"interrupted; to go on: {ending.resume_command(config)}", file=sys.stderr)
            raise SystemExit(interrupt.EXIT_CODE)


def _remove_if_without_runs(sweep: Path) -> None:
    """Hydra makes the folder before it has looked at the jobs."""
    if sweep.is_dir() and os.listdir(sweep) == ["multirun.yaml"]:
        shutil.rmtree(sweep)
        with suppress(OSError):  # its parent holds other sweeps
            sweep.parent.rmdir()


def _check_name(name: str) -> None:
    fits = len(name.encode()) <= LONGEST_NAME and name not in ("", ".", "..") and "/" not in name
    elsewhere = "hydra.sweep.dir=… (for one run hydra.run.dir=…) puts it elsewhere"
    require(fits, "name", name, f"the name of a folder, of 1 to {LONGEST_NAME} bytes without /; {elsewhere}")


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
