"""``python -m benchmarks.search_epochs [--folder F]``: epochs until a search is as good as the paper's grid.

The target is the validation accuracy of the winner of the paper's nine cells (optimizer x learning rate, 40 epochs,
5 seeds), less one standard deviation over seeds. Each method searches optimizer and learning rate with five sampler
seeds. Counted are the epochs of all its runs until the first epoch in which one reaches the target; a search that does
not within its trials counts as all of its epochs, and is told apart. A folder that has the runs already is not trained
again.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from hpsearch.record.file import load_record
from hpsearch.record.folders import run_folders

GRID = "optimizer=sgd,adam,rmsprop", "lr=0.1,0.01,0.001", "seed=range(5)", "hydra.launcher.lanes=9"
SPACE = "optimizer=sgd,adam,rmsprop", "lr=tag(log,interval(0.0003,0.3))"
EPOCHS, SEEDS = 40, range(5)
METHODS: dict[str, tuple[int, tuple[str, ...]]] = {  # name -> lanes, arguments; in so many lanes cohorts do not overlap
    "random search": (1, ("hydra.sweeper.n_trials=4",)),
    "one epoch, the best to the end": (
        9,
        ("hydra/sweeper/pruner=one_epoch", "hydra.sweeper.pruner.cohort=9", "hydra.sweeper.pruner.keep=1",
         "hydra.sweeper.n_trials=18"),
    ),
    "synchronous halving": (
        9,
        ("hydra/sweeper/pruner=synchronous_halving", "hydra.sweeper.pruner.cohort=9", "hydra.sweeper.n_trials=18"),
    ),
}  # fmt: skip


def _run(folder: Path, name: str, *arguments: str) -> list[dict[str, Any]]:
    """The records of a sweep, in the order of its runs."""
    sweep = folder / name
    command = [sys.executable, "-m", "hpsearch", "-m", *arguments, "report=false", f"hydra.sweep.dir={sweep}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [load_record(sweep / run) for run in run_folders(sweep)]


def target_of(records: list[dict[str, Any]]) -> tuple[float, float]:
    """Mean and standard deviation of the winner's validation accuracy."""
    cells: dict[tuple[str, float], list[float]] = {}
    for entry in records:
        cell = entry["config"]["optimizer"]["name"], entry["config"]["lr"]
        cells.setdefault(cell, []).append(entry["metrics"]["val_accuracy"])
    best = max(cells.values(), key=statistics.fmean)
    return statistics.fmean(best), statistics.stdev(best)


def epochs_to(target: float, curves: list[list[float]], lanes: int) -> tuple[int, bool]:
    """Epochs of all runs until one reaches the target, and whether one does. `lanes` runs begin together."""
    spent = 0
    for first in range(0, len(curves), lanes):
        together = curves[first : first + lanes]
        for epoch in range(max(map(len, together))):
            living = [curve[epoch] for curve in together if len(curve) > epoch]
            spent += len(living)
            if max(living) >= target:
                return spent, True
    return spent, False


def main() -> None:
    """Print a Markdown table and write ``search_epochs.json``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_epochs", description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("multirun/search_epochs"), help="for the runs")
    folder = parser.parse_args().folder
    grid = _run(folder, "grid", *GRID)
    mean, std = target_of(grid)
    target = mean - std
    cost = 9 * EPOCHS
    alone = [
        epochs_to(target, [e["history"]["val_accuracy"] for e in grid if e["config"]["seed"] == s], 9)[0] for s in SEEDS
    ]
    print(f"target: {mean:.2%} - {std:.2%} = {target:.2%} on validation; the grid takes {cost} epochs a seed\n")
    print("| method | epochs to the target, mean (each sampler seed) | of the grid's | reached |")
    print("|---|---|---|---|")
    print(f"| the grid, its nine runs side by side | {statistics.fmean(alone):.0f} ({', '.join(map(str, alone))}) "
          f"| {statistics.fmean(alone) / cost:.0%} | 5 of 5 |", flush=True)  # fmt: skip
    found: dict[str, Any] = {"target": target, "grid": cost, "grid_to_target": alone}
    for name, (lanes, arguments) in METHODS.items():
        spent = []
        for seed in SEEDS:
            records = _run(
                folder, f"{name.replace(' ', '_').replace(',', '')}_{seed}", "hydra/sweeper=hpsearch",
                "hydra/sweeper/sampler=random", f"hydra.sweeper.sampler.seed={seed}",
                f"hydra.launcher.lanes={lanes}", *arguments, *SPACE,
                f"hydra.sweeper.study_name={name.replace(' ', '_').replace(',', '')}_{seed}",
            )  # fmt: skip
            spent.append(epochs_to(target, [entry["history"]["val_accuracy"] for entry in records], lanes))
        epochs = [each for each, _ in spent]
        listed = ", ".join(f"{each}" if done else f"> {each}" for each, done in spent)
        print(f"| {name} | {statistics.fmean(epochs):.0f} ({listed}) | {statistics.fmean(epochs) / cost:.0%} "
              f"| {sum(done for _, done in spent)} of 5 |", flush=True)  # fmt: skip
        found[name] = spent
    Path("search_epochs.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
