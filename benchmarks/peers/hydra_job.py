"""A stock Hydra app around the plain loop, for any launcher and sweeper.

``python -m benchmarks.peers.hydra_job -m optimizer=sgd,adam,rmsprop lr=0.1,0.01,0.001 seed=range(5)``
"""

from dataclasses import dataclass
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore

from benchmarks.plain import fastest, plain_loop
from benchmarks.programs import digits_program
from benchmarks.work import announce


@dataclass
class Config:
    """One net."""

    optimizer: str = "sgd"
    lr: float = 0.1
    seed: int = 0
    epochs: int = 20


ConfigStore.instance().store("config", Config)


@hydra.main(config_path=None, config_name="config")
def job(config: Any) -> float:
    """Its validation accuracy."""
    fastest()
    accuracy = plain_loop(digits_program(), config.optimizer, config.lr, config.seed, config.epochs)
    announce(config.optimizer, config.lr, config.seed, accuracy)
    return accuracy


if __name__ == "__main__":
    job()
