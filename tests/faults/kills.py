"""SIGKILL at random moments: of a grid and of a search until they are done, of one worker of several."""

import os
import random
import signal
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

from hpsearch.search.bulk import POINT, BulkStorage, counting
from tests.faults.commands import TINY, kill, left_behind, others, records, run, start, twice, workers
from tests.faults.commands import ended as ended_of

GRID = ("-m", *TINY, "epochs=40", "checkpoint=0", "optimizer=sgd,adam", "lr=0.1,0.01", "seed=range(6)", "report=false")
TRIALS = 12
SEARCH = (
    *("-m", *TINY, "epochs=30", "checkpoint=0", "hydra/sweeper=hpsearch", "lr=interval(0.01,0.5)", "report=false"),
    *("optimizer=sgd,adam", f"hydra.sweeper.n_trials={TRIALS}"),
)
PRUNERS = ("none", "median", "percentile", "hyperband", "successive_halving", "synchronous_halving", "one_epoch")
KILLS = 40  # that a loop may need
LONGEST = 5.0  # seconds before a kill


def killed_grid(folder: Path, seed: int, clean: dict[str, Any], arguments: tuple[str, ...] = GRID) -> list[str]:
    """Kill a grid again and again until it is done. clean: the records of an uninterrupted sweep."""
    faults, _ = _until_done(folder, seed, arguments)
    return faults + others(records(folder), clean) + left_behind(folder)


def killed_search(folder: Path, seed: int, pruner: str) -> list[str]:
    """Kill a search again and again until it is done."""
    faults, _ = _until_done(
        folder, seed, (*SEARCH, f"hydra/sweeper/pruner={pruner}", f"hydra.sweeper.sampler.seed={seed}")
    )
    return faults + faults_of_study(folder, TRIALS) + left_behind(folder)


def _until_done(folder: Path, seed: int, arguments: tuple[str, ...]) -> tuple[list[str], int]:
    """The faults on the way, and the number of kills."""
    rng, faults, known = random.Random(seed), [], 0
    for kills in range(KILLS):
        process = start(folder, *arguments)
        deadline = time.monotonic() + rng.uniform(
            0.3, LONGEST * 1.1**kills
        )  # on a slow machine, too, it comes to an end
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        if process.poll() is None:
            rng.choice([kill, _kill_alone])(process)
        end = ended_of(process)
        faults += end.faults(0, -9)
        if len(records(folder)) < known:
            faults.append("finished runs are gone")
        known = len(records(folder))
        if end.code == 0:
            return faults, kills
    return [*faults, f"not done after {KILLS} kills"], KILLS


def _kill_alone(process: Any) -> None:
    """Kill the command, not its workers."""
    with suppress(ProcessLookupError):
        process.kill()


def faults_of_study(folder: Path, trials: int) -> list[str]:
    """The trials that are lost or doubled in the study s, a line each."""
    with closing(BulkStorage(f"sqlite:///{folder}/multirun/hpsearch.db")) as storage:
        counted = counting(storage.trials(storage.study_id("s"))).values()
    states = Counter(trial.state for trial in counted)
    faults = [] if len(counted) == trials else [f"{len(counted)} trials in place of {trials}"]
    for state in (TrialState.RUNNING, TrialState.WAITING, TrialState.FAIL):
        if states[state]:
            faults.append(f"{states[state]} trials are {state.name}")
    return faults + twice([trial.user_attrs[POINT] for trial in counted])


def stopped_worker(folder: Path, seed: int, clean: dict[str, Any], number: int = signal.SIGKILL) -> list[str]:
    """Kill or stop one worker of a grid. It has to end as if nothing had happened."""
    rng = random.Random(seed)
    process = start(folder, *GRID, "hydra.launcher.timeout=3")
    until = time.monotonic() + 30
    while len(workers(process)) < 2 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 0.6))
    there = workers(process)
    if there:
        with suppress(ProcessLookupError):
            os.kill(rng.choice(there), number)
    return ended_of(process).faults(0) + others(records(folder), clean) + left_behind(folder)


def clean_grid(folder: Path) -> dict[str, Any]:
    """The records of an uninterrupted sweep."""
    end = run(folder, *GRID)
    assert end.code == 0, end.err
    return records(folder)
