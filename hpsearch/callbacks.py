"""What Hydra calls around a run or a sweep: the checks before anything is written, the results at the end."""

from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from hpsearch import record
from hpsearch.usage import UsageError, exit_on_write_error, exit_on_wrong_usage


class Callbacks(Callback):
    """Named in ``conf/config.yaml``."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        from hpsearch.check import checked

        with exit_on_wrong_usage():
            checked([config], Path(config.hydra.sweep.dir))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        with exit_on_wrong_usage():
            fault = record.fault_of_folder(Path(config.hydra.sweep.dir), runs=1)
            if fault is not None:
                raise UsageError([fault])

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        if config.hydra.mode is None or config.hydra.mode.name == "RUN":
            from hpsearch.report.tables import print_run

            print_run(Path(config.hydra.runtime.output_dir))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        from hpsearch.report import tables

        sweep = Path(config.hydra.sweep.dir)
        records = record.read_sweep(sweep) if sweep.is_dir() else []
        if records:
            tables.print_sweep(sweep, records)
            with exit_on_write_error(sweep):
                tables.write_runs(sweep, records)
