"""``python -m benchmarks.search_trials [--trials 500] [--rounds 1]``: one search as whole commands, and a trial's cost.

The same random search on digits (64-64-64-10, batch 64, 20 epochs, optimizer and learning rate) by hpsearch, by
`optuna.Study.optimize` and by Hydra's own Optuna sweeper around the plain loop, each with a SQLite storage, in turn.
Then searches of 10 to 2,000 trials of a net of two epochs: what a trial costs beside its training.
"""

import argparse
import json
import statistics
from pathlib import Path

from benchmarks import command

SPACE = "optimizer=sgd,adam,rmsprop", "lr=tag(log,interval(0.001,0.3))"
RANDOM = "hydra/sweeper/sampler=random", "hydra.sweeper.sampler.seed=0"
SIZES = (10, 100, 500, 2000)


def cases(trials: int) -> dict[str, list[str]]:
    """Arguments behind ``python -m``."""
    stock = ["hydra/sweeper=optuna", "hydra.sweeper.storage='sqlite:///plain.db'", "hydra.sweeper.study_name=s"]
    stock += ["hydra.sweeper.direction=maximize", "hydra.sweeper.n_jobs=1", f"hydra.sweeper.n_trials={trials}"]
    return {
        "Hydra's Optuna sweeper, plain loop": ["benchmarks.peers.hydra_job", "-m", *SPACE, *RANDOM, *stock],
        "Study.optimize, plain loop": ["benchmarks.peers.optuna_search", str(trials)],
        "hpsearch": [*_ours(trials), "architecture.width=64", "batch_size=64", "epochs=20"],
    }


def _ours(trials: int) -> list[str]:
    return [
        "hpsearch", "-m", "hydra/sweeper=hpsearch", "data=digits", "name=s", "report=false", *SPACE, *RANDOM,
        f"hydra.sweeper.n_trials={trials}",
    ]  # fmt: skip


def main() -> None:
    """Print Markdown tables and write ``search_trials.json``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_trials", description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in cases(options.trials)}
    for _ in range(options.rounds):
        for name, arguments in cases(options.trials).items():
            times[name].append(command.run(*arguments).seconds)
    ours = statistics.median(times["hpsearch"])
    print(f"| {options.trials} trials | seconds (median of {options.rounds}) | times hpsearch |\n|---|---|---|")
    for name, seconds in times.items():
        print(f"| {name} | {statistics.median(seconds):.1f} | {statistics.median(seconds) / ours:.2f} |", flush=True)
    print("\n| trials | seconds in all | of training | beside it, ms a trial |\n|---|---|---|---|")
    sizes = {}
    for size in SIZES:
        done = command.run(*_ours(size), "architecture.width=8", "batch_size=512", "epochs=2")
        sizes[size] = whole, training = done.seconds, done.training
        first = sizes[SIZES[0]]
        beside = "" if size == SIZES[0] else (whole - training - first[0] + first[1]) / (size - SIZES[0])
        shown = f"{1000 * beside:.1f}" if isinstance(beside, float) else "(start-up)"
        print(f"| {size:,} | {whole:.1f} | {training:.1f} | {shown} |", flush=True)
    Path("search_trials.json").write_text(json.dumps({"times": times, "sizes": sizes}, indent=1) + "\n")


if __name__ == "__main__":
    main()
