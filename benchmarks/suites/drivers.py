"""A study that several processes search at once on PostgreSQL: what a trial costs, and that none is lost."""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sql
from optuna.trial import FrozenTrial, TrialState

from benchmarks.command import CHECKOUT
from benchmarks.programs import ROOT
from benchmarks.suites.jobs import NET
from benchmarks.timing import Found, Options, Unmeasured, table
from hpsearch.record.file import read_record
from hpsearch.record.folders import run_folders
from hpsearch.search.bulk import POINT, BulkStorage, counting
from hpsearch.search.owners import WORKER
from tests.postgres import cluster, programs

DRIVERS, TRIALS, KILLED, LANES = 8, (200, 1000), 2, 4
SECONDS = 600  # that a search may take
SPACE = "optimizer=sgd,adam", "lr=tag(log,interval(0.001,0.3))", "hydra/sweeper/sampler=random"


@dataclass(frozen=True)
class Searched:
    """A study after its search. seconds: from the first trial to the end of the last. by: trials of each driver.
    records: the overrides of each record, by driver. faults: what is lost or doubled, a line each."""

    trials: int
    drivers: int
    seconds: float
    by: list[int]
    again: int
    faults: list[str]


def drivers(options: Options) -> Found:
    """One driver and eight at once on one study: a random search of a net that trains for 1 ms, its trials in
    PostgreSQL (fsync off). Seconds are those from the first trial to the last. In the last row two of the eight were
    killed with -9 in the middle, and started again."""
    if programs() is None:
        raise Unmeasured("not measured: no PostgreSQL server that could be started")
    found = []
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder)) as url:
        for trials in TRIALS:
            found += [searched(url, trials, number) for _ in range(options.rounds or 1) for number in (1, DRIVERS)]
        found.append(searched(url, TRIALS[-1], DRIVERS, killed=KILLED))
    columns = {
        "trials": [f"{each.trials:,}" for each in found],
        "drivers": [f"{each.drivers}" for each in found],
        "seconds": [f"{each.seconds:.1f}" for each in found],
        "ms a trial": [f"{1000 * each.seconds / each.trials:.1f}" for each in found],
        "trials of a driver": [f"{min(each.by)} to {max(each.by)}" for each in found],
        "evaluated again": [f"{each.again}" for each in found],
        "lost or doubled": ["; ".join(each.faults) or "none" for each in found],
    }
    return Found(table(columns), [vars(each) for each in found])


def searched(url: str, trials: int, number: int, killed: int = 0) -> Searched:
    """Search a study of so many trials by so many drivers, each in a folder of its own.

    killed: how many of them are killed with -9 in the middle, and then started again.
    """
    name = f"{trials}-{number}-{killed}-{time.monotonic_ns()}"
    with tempfile.TemporaryDirectory() as root:
        folders = [Path(root, str(driver)) for driver in range(number)]
        for folder in folders:
            folder.mkdir()
        _ended([_start(folders[0], url, name, 1)])  # makes the study
        owners = dict[str, int]()
        with closing(BulkStorage(url)) as storage:
            id = storage.study_id(name)
            with _held(storage, id, number) if url.startswith("postgresql") else nullcontext():
                running = [_start(folder, url, name, trials) for folder in folders]
                owners |= {f"{os.uname().nodename}:{process.pid}": i for i, process in enumerate(running)}
            started = time.time()
            if killed:
                while len(storage.states(id)) < trials // 2:
                    time.sleep(0.02)
                for process in running[:killed]:
                    process.kill()
                    process.communicate()
                again = [_start(folder, url, name, trials) for folder in folders[:killed]]
                owners |= {f"{os.uname().nodename}:{process.pid}": i for i, process in enumerate(again)}
                running = [*running[killed:], *again]
            _ended(running)
            found = storage.trials(id)
        ends = [trial.datetime_complete.timestamp() for trial in found.values() if trial.datetime_complete]
        by = Counter(owners.get(trial.user_attrs[WORKER].rpartition(":")[0], 0) for trial in counting(found).values())
        faults = faults_of(found, trials, [_overrides(folder) for folder in folders])
        again_evaluated = len(found) - len(counting(found))
    return Searched(trials, number, max(ends) - started, [by[i] for i in range(number)], again_evaluated, faults)


def faults_of(found: dict[int, FrozenTrial], trials: int, records: Sequence[list[set[str]]]) -> list[str]:
    """What a search of so many trials has lost or doubled. records: the overrides of each record of each driver."""
    counted = counting(found).values()
    states = Counter(trial.state for trial in counted)
    complete = [trial.user_attrs[POINT].split() for trial in counted if trial.state is TrialState.COMPLETE]
    points = Counter(map(tuple, complete))
    kept = Counter(frozenset(lines) for driver in records for lines in driver)
    without = [point for point in points if not any(lines.issuperset(point) for lines in kept)]
    more = sum(kept.values()) - len(complete) - (len(found) - len(counted))
    checks = {
        f"{len(counted)} trials instead of {trials}": len(counted) != trials,
        f"{states[TrialState.RUNNING]} still running": states[TrialState.RUNNING],
        f"{states[TrialState.FAIL]} failed": states[TrialState.FAIL],
        f"{sum(points.values()) - len(points)} points twice": len(points) != len(complete),
        f"{len(without)} without a record": without,
        f"{more} records too many": more > 0,
    }
    return [fault for fault, wrong in checks.items() if wrong]


@contextmanager
def _held(storage: BulkStorage, study_id: int, drivers: int) -> Iterator[None]:
    """Holds the study's row until so many drivers wait for it: they begin their first trials at once."""
    waiting = sql.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    hold = sql.text("SELECT 1 FROM studies WHERE study_id = :id FOR NO KEY UPDATE")
    with storage.rdb.engine.begin() as holder:
        holder.execute(hold, {"id": study_id})
        yield
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            with storage.rdb.engine.connect() as connection:
                if (connection.scalar(waiting) or 0) >= drivers:
                    return
            time.sleep(0.1)
        raise Unmeasured("failed: the drivers did not begin")


def _start(folder: Path, url: str, name: str, trials: int) -> "subprocess.Popen[str]":
    command = [
        sys.executable, "-m", "hpsearch", "-m", "hydra/sweeper=hpsearch", *NET, *SPACE, "report=false", "name=s",
        f"hydra.sweeper.n_trials={trials}", f"hydra.sweeper.study_name={name}", f"hydra.sweeper.storage='{url}'",
        f"hydra.launcher.lanes={LANES}",
    ]  # fmt: skip
    path = os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "HPSEARCH_DATA": str(ROOT)}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def _ended(processes: Sequence["subprocess.Popen[str]"]) -> None:
    """Wait for drivers. Raises Unmeasured if one fails."""
    for process in processes:
        _, err = process.communicate(timeout=SECONDS)
        if process.returncode:
            raise Unmeasured(f"failed with exit code {process.returncode}: {err.strip().splitlines()[-1:]}")


def _overrides(folder: Path) -> list[set[str]]:
    """The overrides of each record of a driver."""
    sweep = folder / "multirun" / "s"
    folders = run_folders(sweep) if sweep.is_dir() else []
    return [set(record["overrides"]) for name in folders if (record := read_record(sweep / name)) is not None]
