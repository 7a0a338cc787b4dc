"""Ray Tune: a grid search, a core for each trial. ``python -m benchmarks.peers.ray_tune``.

`reuse_actors` lets a trial take over the process of the one before: without it each imports PyTorch anew.
"""

import os
import tempfile
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from ray import tune

from benchmarks.work import announce, from_arguments


def trainable(config: dict[str, Any]) -> dict[str, float]:
    """One trial."""
    from benchmarks.plain import fastest, plain_loop
    from benchmarks.programs import digits_program

    fastest()
    accuracy = plain_loop(digits_program(), config["optimizer"], config["lr"], config["seed"], config["epochs"])
    return {"accuracy": accuracy}


if __name__ == "__main__":
    work = from_arguments()
    ray.init(num_cpus=os.cpu_count(), include_dashboard=False, log_to_driver=False)
    space = {
        "optimizer": tune.grid_search(list(work.optimizers)),
        "lr": tune.grid_search(list(work.lrs)),
        "seed": tune.grid_search(list(range(work.seeds))),
        "epochs": work.epochs,
    }
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            tune.with_resources(trainable, {"cpu": 1}),
            param_space=space,
            tune_config=tune.TuneConfig(metric="accuracy", mode="max", reuse_actors=True),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        )
        for result in tuner.fit():
            config = result.config
            announce(config["optimizer"], config["lr"], config["seed"], result.metrics["accuracy"])
