"""Optuna alone: `Study.optimize` over the grid, its study in memory. ``python -m benchmarks.peers.optuna_grid``."""

from typing import Any

import optuna

from benchmarks.plain import fastest, plain_loop
from benchmarks.programs import digits_program
from benchmarks.work import announce, from_arguments

if __name__ == "__main__":
    fastest()
    program, work = digits_program(), from_arguments()
    grid: dict[str, list[Any]] = {
        "optimizer": list(work.optimizers), "lr": list(work.lrs), "seed": list(range(work.seeds))
    }  # fmt: skip

    def objective(trial: optuna.Trial) -> float:
        """One net."""
        name, lr, seed = (trial.suggest_categorical(key, values) for key, values in grid.items())
        accuracy = plain_loop(program, name, lr, seed, work.epochs)
        announce(name, lr, seed, accuracy)
        return accuracy

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.GridSampler(grid, seed=0))
    study.optimize(objective, n_trials=len(work))
