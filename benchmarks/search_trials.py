"""``python -m benchmarks.search_trials [--trials 500] [--rounds 1]``: one search as whole commands, and a trial's cost.

The same random search on digits (64-64-64-10, batch 64, 20 epochs, optimizer and learning rate) by hpsearch, by
`optuna.Study.optimize` and by Hydra's own Optuna sweeper around the plain loop, each with a SQLite storage, in turn.
Then searches of 10 to 2,000 trials of a net of two epochs: what a trial costs beside its training.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from hpsearch import record

SPACE = "optimizer=sgd,adam,rmsprop", "lr=tag(log,interval(0.001,0.3))"
RANDOM = "hydra/sweeper/sampler=random", "hydra.sweeper.sampler.seed=0"
SIZES = (10, 100, 500, 2000)


def cases(trials: int) -> dict[str, list[str]]:
    """Arguments behind ``python -m``."""
    stock = ["hydra.sweeper.storage='sqlite:///plain.db'", "hydra.sweeper.study_name=s"]
    stock += ["hydra.sweeper.direction=maximize", "hydra.sweeper.n_jobs=1", f"hydra.sweeper.n_trials={trials}"]
    return {
        "Hydra's Optuna sweeper, plain loop": ["benchmarks.plain_search", "stock", "-m", *SPACE, *RANDOM, *stock],
        "Study.optimize, plain loop": ["benchmarks.plain_search", "optimize", str(trials)],
        "hpsearch": [*_ours(trials), "architecture.width=64", "batch_size=64", "epochs=20"],
    }


def _ours(trials: int) -> list[str]:
    return [
        "hpsearch", "-m", "hydra/sweeper=hpsearch", "data=digits", "name=s", "report=false", *SPACE, *RANDOM,
        f"hydra.sweeper.n_trials={trials}",
    ]  # fmt: skip


def _time(arguments: list[str]) -> tuple[float, float]:
    """Seconds of a whole command in a new folder, and of training as its records tell."""
    path = os.pathsep.join([str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as folder:
        started = perf_counter()
        command = [sys.executable, "-m", *arguments]
        subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": path}, check=True, capture_output=True)
        seconds = perf_counter() - started
        sweep = Path(folder, "multirun", "s")
        runs = record.run_folders(sweep) if arguments[0] == "hpsearch" else []
        return seconds, sum(record.load(sweep / run)["seconds"] for run in runs)


def main() -> None:
    """Print Markdown tables and write ``search_trials.json``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_trials", description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in cases(options.trials)}
    for _ in range(options.rounds):
        for name, arguments in cases(options.trials).items():
            times[name].append(_time(arguments)[0])
    ours = statistics.median(times["hpsearch"])
    print(f"| {options.trials} trials | seconds (median of {options.rounds}) | times hpsearch |\n|---|---|---|")
    for name, seconds in times.items():
        print(f"| {name} | {statistics.median(seconds):.1f} | {statistics.median(seconds) / ours:.2f} |", flush=True)
    print("\n| trials | seconds in all | of training | beside it, ms a trial |\n|---|---|---|---|")
    sizes = {}
    for size in SIZES:
        whole, training = _time([*_ours(size), "architecture.width=8", "batch_size=512", "epochs=2"])
        sizes[size] = whole, training
        first = sizes[SIZES[0]]
        beside = "" if size == SIZES[0] else (whole - training - first[0] + first[1]) / (size - SIZES[0])
        shown = f"{1000 * beside:.1f}" if isinstance(beside, float) else "(start-up)"
        print(f"| {size:,} | {whole:.1f} | {training:.1f} | {shown} |", flush=True)
    Path("search_trials.json").write_text(json.dumps({"times": times, "sizes": sizes}, indent=1) + "\n")


if __name__ == "__main__":
    main()
