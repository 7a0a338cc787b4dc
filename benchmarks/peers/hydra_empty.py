"""A stock Hydra app that does nothing, to see what a job costs.

``python -m benchmarks.peers.hydra_empty -m seed=range(10)``
"""

from dataclasses import dataclass
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore


@dataclass
class Config:
    """A job's number."""

    seed: int = 0


ConfigStore.instance().store("config", Config)


@hydra.main(config_path=None, config_name="config")
def job(config: Any) -> None:
    """Nothing."""


if __name__ == "__main__":
    job()
