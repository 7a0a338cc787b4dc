"""hpsearch's task function for a launcher whose workers may have another environment: the storage's URL goes along."""

import os
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig

from hpsearch.cli.storage_url import STORAGE, absolute
from hpsearch.cli.task_function import Task
from hpsearch.passwords import remember

OWN = "hpsearch."  # launchers that train here, or hand the URL on by themselves
WRITES = "submitit"  # pickles tasks into files, which must not hold a password; sbatch hands the environment on


@dataclass(frozen=True)
class TravellingTask:
    """Called on the worker. It is pickled with the job."""

    task: Task
    url: str = field(repr=False)

    def __call__(self, cfg: DictConfig) -> float:
        os.environ[STORAGE] = self.url
        remember(self.url)
        return self.task(cfg)


def for_launcher(target: str, url: str, task: Task) -> Any:
    """The task function for the launcher of this ``_target_``."""
    if target.startswith(OWN) or WRITES in target:
        return task
    return TravellingTask(task, absolute(url))
