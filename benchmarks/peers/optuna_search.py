"""`optuna.Study.optimize` as a random search with a SQLite storage, for `benchmarks.search_trials`.

``python -m benchmarks.peers.optuna_search TRIALS``
"""

import sys

import optuna

from benchmarks.plain import fastest, plain_loop
from benchmarks.programs import digits_program

if __name__ == "__main__":
    fastest()
    program = digits_program()

    def objective(trial: optuna.Trial) -> float:
        """One net."""
        name = trial.suggest_categorical("optimizer", ["sgd", "adam", "rmsprop"])
        return plain_loop(program, name, trial.suggest_float("lr", 0.001, 0.3, log=True), seed=0, epochs=20)

    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(storage="sqlite:///plain.db", direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=int(sys.argv[1]))
