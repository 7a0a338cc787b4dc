"""``python -m benchmarks.plain_search optimize|stock …``: the search of `benchmarks.search_trials` without hpsearch.

``optimize`` is `optuna.Study.optimize` around the plain loop; ``stock`` is the plain loop as a Hydra task, for Hydra's
own Optuna sweeper. Both on one thread, which is the fastest for nets of this size.
"""

import sys
from dataclasses import dataclass, field
from typing import Any

import hydra
import optuna
import torch
from hydra.core.config_store import ConfigStore

from benchmarks.alternatives import plain_loop
from benchmarks.suites import digits_program

EPOCHS = 20
STORAGE = "sqlite:///plain.db"


@dataclass
class Config:
    """The stock sweeper's task."""

    optimizer: str = "sgd"
    lr: float = 0.1
    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"override hydra/sweeper": "optuna"}])


ConfigStore.instance().store("config", Config)


def train(name: str, lr: float) -> float:
    """Validation accuracy of one run."""
    torch.set_num_threads(1)
    return plain_loop(digits_program(), name, lr, 0, EPOCHS)


@hydra.main(config_path=None, config_name="config")
def stock(config: Any) -> float:
    """One job."""
    return train(config.optimizer, config.lr)


def optimize(trials: int) -> None:
    """The whole search."""

    def objective(trial: optuna.Trial) -> float:
        name = trial.suggest_categorical("optimizer", ["sgd", "adam", "rmsprop"])
        return train(name, trial.suggest_float("lr", 0.001, 0.3, log=True))

    study = optuna.create_study(storage=STORAGE, direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=trials)


if __name__ == "__main__":
    if sys.argv[1] == "optimize":
        optimize(int(sys.argv[2]))
    else:
        del sys.argv[1]
        stock()
