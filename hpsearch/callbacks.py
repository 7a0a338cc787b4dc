"""What Hydra calls around a run or a sweep: the checks before anything is written, the results at the end."""

import re
import sys
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from hpsearch import confirm, interrupt, record
from hpsearch.ranges import require
from hpsearch.report import origin
from hpsearch.usage import UsageError, exit_on_write_error, exit_on_wrong_usage


class Callbacks(Callback):
    """Named in ``conf/config.yaml``."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        from hpsearch.check import checked

        with exit_on_wrong_usage():
            checked([config], Path(config.hydra.sweep.dir))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        interrupt.reset()
        with exit_on_wrong_usage():
            fault = record.fault_of_folder(Path(config.hydra.sweep.dir), runs=1)
            if fault is not None:
                raise UsageError([fault])
            try:
                require(config.confirm >= 0, "confirm", config.confirm, "a number of seeds, 0 for none")
            except ValueError as error:
                raise UsageError([str(error)]) from error

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        if config.hydra.mode is None or config.hydra.mode.name == "RUN":
            _print_run(Path(config.hydra.runtime.output_dir))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        _results(config)
        if interrupt.asked():
            print(f"interrupted; to go on: {_resume_command(config)}", file=sys.stderr)
            raise SystemExit(interrupt.EXIT_CODE)


def _resume_command(config: DictConfig) -> str:
    """The command that started this sweep, with the name that it was given, so that it goes on in its folder."""
    typed = [*config.hydra.overrides.hydra, *config.hydra.overrides.task]
    named = any(re.match(r"(name|hydra\.sweep\.dir|experiment|search)=", line) for line in typed)
    lines = [line for line in typed if line != "hydra.mode=MULTIRUN"]
    return origin.command("-m", *lines, *([] if named else [f"name={config.name}"]))


def _results(config: DictConfig) -> None:
    """Table and verdict, ``runs.csv``, the winner's confirmation, the report."""
    from rich.console import Console

    from hpsearch.report import findings, folder, runs

    sweep = Path(config.hydra.sweep.dir)
    if not sweep.is_dir() or not any(record.read(sweep / name) for name in record.run_folders(sweep)):
        return
    with exit_on_wrong_usage():
        found = findings.read([sweep])
    folder.show(found, Console())
    with exit_on_write_error(sweep):
        runs.write_runs(sweep, found.runs)
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
