"""The surroundings in which Hydra calls a task function, for a run that another process trains: its working directory,
environment, logging and `HydraConfig`."""

import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log, env_override
from hydra.utils import execution_whitelist
from omegaconf import DictConfig, open_dict, read_write

from hpsearch.record.scripts import SCRIPT


@contextmanager
def directory_kept() -> Iterator[None]:
    """Go back to the working directory when it comes out: paths of the command are relative to it."""
    before = os.getcwd()
    try:
        yield
    finally:
        with suppress(OSError):  # it was removed
            os.chdir(before)


@dataclass(frozen=True)
class Job:
    """A job of Hydra's. hydra: the configuration that all jobs of a command share, pickled. targets: the classes that
    it may name; None: all."""

    hydra: bytes
    targets: Any

    @contextmanager
    def surroundings(self, config: DictConfig, overrides: Sequence[str], number: int, folder: Path) -> Iterator[None]:
        """Inside, everything is as in a job that Hydra calls itself. config: of the task. folder: of the run."""
        whole = self._config(config, overrides, number, folder)
        hydra: Any = whole.hydra
        singleton, before = HydraConfig.instance(), HydraConfig.instance().cfg
        singleton.set_config(whole)
        try:
            with directory_kept(), execution_whitelist(self.targets, reset=True), env_override(hydra.job.env_set):
                configure_log(hydra.job_logging, hydra.verbose)
                if hydra.job.chdir:
                    os.chdir(folder)
                yield
        finally:
            singleton.cfg = before

    def _config(self, config: DictConfig, overrides: Sequence[str], number: int, folder: Path) -> DictConfig:
        whole: DictConfig = pickle.loads(self.hydra)
        with read_write(whole), open_dict(whole):
            whole.merge_with(config)
        hydra: Any = whole.hydra
        with read_write(hydra), open_dict(hydra):
            hydra.overrides.task = list(overrides)
            hydra.job.config_name = config[SCRIPT].config
            chosen = dict(line.lstrip("+").split("=", 1) for line in overrides if "=" in line)
            hydra.runtime.choices.update({group: chosen[group] for group in hydra.runtime.choices if group in chosen})
            hydra.job.num, hydra.job.id = number, str(number)
            hydra.sweep.subdir, hydra.runtime.output_dir = folder.name, str(folder)
        return whole
