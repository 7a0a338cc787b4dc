"""A job's log, as Hydra configures it. From one job to the next only its file changes, if nothing else can.

Configuring all of logging takes Hydra 2 ms a job.
"""

import logging
import re
from pathlib import Path

from hydra.core.utils import configure_log
from omegaconf import DictConfig, OmegaConf

FOLDER = "hydra.runtime.output_dir"
KNOWN = {FOLDER, "hydra.job.name"}  # interpolations that are equal in all jobs of a sweep, but for the folder


class JobLog:
    """Opens the logs of the jobs of a sweep, one after the other."""

    def __init__(self, whitelist: object) -> None:
        self._whitelist = whitelist
        self._alike: object = None
        self._handlers: list[logging.Handler] = []
        self._files: list[tuple[logging.FileHandler, Path]] = []  # those that write below a job's folder, and where

    def open(self, hydra: DictConfig, folder: Path, alike: object) -> None:
        """alike: equal for jobs whose `hydra` differs only in what each has for itself."""
        root = logging.getLogger()
        if alike == self._alike and root.handlers == self._handlers:
            for handler, name in self._files:
                handler.baseFilename = str(folder / name)
                handler.setStream(handler._open()).close()  # type: ignore[union-attr]  # the one before
            return
        configure_log(hydra.job_logging, hydra.verbose, execution_whitelist=self._whitelist)
        self._handlers = root.handlers[:]
        self._files = [
            (handler, Path(handler.baseFilename).relative_to(folder))
            for handler in root.handlers
            if type(handler) is logging.FileHandler and handler.stream and folder in Path(handler.baseFilename).parents
        ]
        used = re.findall(r"\$\{(.*?)\}", OmegaConf.to_yaml(hydra.job_logging))
        self._alike = alike if set(used) <= KNOWN and used.count(FOLDER) == len(self._files) else None
