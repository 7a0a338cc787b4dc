"""The cases of each suite: functions that do the same work in different ways."""

import atexit
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import torch

from benchmarks.alternatives import plain_loop, products, textbook
from benchmarks.reports import multiply
from hpsearch import data
from hpsearch.engine import Training
from hpsearch.init import INITS
from hpsearch.layers import NoNorm
from hpsearch.models import MLP
from hpsearch.optim import OPTIMIZERS
from hpsearch.schedules import SCHEDULES
from hpsearch.stack import Program, Run

Case = Callable[[], float | None]  # returns the mean validation accuracy where it trains

THREADS = os.cpu_count() or 1
ROOT = Path(os.environ.get("HPSEARCH_DATA", "data")).absolute()
GRID = list(product(("sgd", "adam", "rmsprop"), (0.1, 0.01, 0.001)))
FASHION_EPOCHS = 2


def _program(dataset: data.Dataset, widths: tuple[int, ...], batch_size: int) -> Program:
    model = MLP(dataset.features, dataset.classes, widths, NoNorm())
    return Program(dataset, model, batch_size, torch.device("cpu"))


def digits_program() -> Program:
    """The quickstart's: 64-64-64-10, batch 64."""
    return _program(data.load("digits", validation=180, test=180, split_seed=0), (64, 64), 64)


def fashion_program() -> Program:
    """The paper's: 784-400-400-10, batch 512."""
    fashion = data.load("fashion_mnist", root=str(ROOT), validation=6000, split_seed=0)
    return _program(fashion, (400, 400), 512)


def _run(name: str, lr: float, seed: int, epochs: int) -> Run:
    return Run(seed, epochs, lr, OPTIMIZERS[name](), SCHEDULES["constant"](), INITS["default"], dropout=0.0)


def _stacked(program: Program, runs: list[Run], threads: int) -> float:
    torch.set_num_threads(threads)
    training, accuracies = Training(program), []
    for index, run in enumerate(runs):
        training.enter(index, run)
    while len(training):
        training.epoch()
        accuracies += [result.history.val_accuracy[-1] for _, result in training.leave()]
    return statistics.mean(accuracies)


def _run_by_run(program: Program, epochs: int, seeds: range) -> float:
    torch.set_num_threads(1)
    return statistics.mean(plain_loop(program, name, lr, seed, epochs) for name, lr in GRID for seed in seeds)


def digits() -> dict[str, Case]:
    """45 runs of 20 epochs, training only."""
    program, seeds = digits_program(), range(5)
    runs = [_run(name, lr, seed, epochs=20) for name, lr in GRID for seed in seeds]
    return {
        "plain loop, run by run, 1 thread": partial(_run_by_run, program, 20, seeds),
        f"hpsearch, 45 lanes, {THREADS} threads": partial(_stacked, program, runs, THREADS),
        "hpsearch, 45 lanes, 1 thread": partial(_stacked, program, runs, 1),
    }


def fashion() -> dict[str, Case]:
    """Two epochs of the paper's net, all on every core; a stack of nine counts per run."""
    program = fashion_program()
    nine = [_run(name, lr, 0, FASHION_EPOCHS) for name, lr in GRID]

    def on_all_cores(case: Case) -> Case:
        def threaded() -> float | None:
            torch.set_num_threads(THREADS)
            return case()

        return threaded

    return {
        "matrix products alone": on_all_cores(partial(products, program, 1, FASHION_EPOCHS)),
        "textbook DataLoader loop": on_all_cores(partial(textbook, program, ROOT, 0.03, FASHION_EPOCHS)),
        "plain resident loop": on_all_cores(partial(plain_loop, program, "sgd", 0.03, 0, FASHION_EPOCHS)),
        "hpsearch, one run": partial(_stacked, program, [_run("sgd", 0.03, 0, FASHION_EPOCHS)], THREADS),
        "plain resident loop, the nine cells": on_all_cores(partial(_nine_plain, program)),
        "hpsearch, the nine cells in a stack": partial(_stacked, program, nine, THREADS),
    }


def _nine_plain(program: Program) -> float:
    return statistics.mean(plain_loop(program, name, lr, 0, FASHION_EPOCHS) for name, lr in GRID)


def _command(*arguments: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join([str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-m", *arguments]
        subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": path}, check=True, capture_output=True)


def commands() -> dict[str, Case]:
    """The quickstart's 45 runs as whole commands, interpreter start to printed table."""
    quickstart = "hpsearch", "-m", "experiment=quickstart", "report=false"
    return {
        "plain loop as a script": partial(_command, "benchmarks.plain_digits"),
        "hpsearch, hydra/launcher=basic": partial(_command, *quickstart, "hydra/launcher=basic"),
        "hpsearch, hydra/launcher=joblib": partial(_command, *quickstart, "hydra/launcher=joblib"),
        "hpsearch": partial(_command, *quickstart),
    }


def reports() -> dict[str, Case]:
    """Whole commands: what the report adds to a sweep, and reports on 45 and on 10,000 runs."""
    folder = Path(tempfile.mkdtemp(prefix="hpsearch-reports-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    small, large = folder / "quickstart", folder / "large"
    quickstart = "hpsearch", "-m", "experiment=quickstart"
    _command(*quickstart, "report=false", f"hydra.sweep.dir={small}")
    multiply(small, large, configurations=1000)
    return {
        "quickstart, report=false": partial(_command, *quickstart, "report=false"),
        "quickstart": partial(_command, *quickstart),
        "report on its 45 runs": partial(_command, "hpsearch.report", str(small)),
        "report on 10,000 runs": partial(_command, "hpsearch.report", str(large)),
    }


SUITES: dict[str, Callable[[], dict[str, Case]]] = {
    "digits": digits,
    "fashion": fashion,
    "commands": commands,
    "reports": reports,
}


def peak_memory() -> float:
    """GiB at the most, of a sweep of 45 runs on Fashion-MNIST in one stack; an epoch shows it."""
    sweep = "optimizer=sgd,adam,rmsprop", "lr=0.1,0.01,0.001", "seed=range(5)", "epochs=1", f"data.root={ROOT}"
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", script, sys.executable, "-m", "hpsearch", "-m", *sweep]
        shown = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return int(shown.stdout) / 2**20
