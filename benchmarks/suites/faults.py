"""Faults made on purpose: kills, bad runs, signals, commands beside each other, failing disks, damaged files."""

import itertools
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter

from benchmarks.command import CHECKOUT
from benchmarks.programs import ROOT
from benchmarks.suites.drivers import DRIVERS, KILLED, searched
from benchmarks.timing import Found, Options, Unmeasured, table
from tests.faults import bad_runs, beside, damaged, disks, kills, phases
from tests.faults.commands import run
from tests.postgres import cluster, programs

Round = Callable[[Path, int], list[str]]  # a folder of its own and a seed -> the faults, a line each


@dataclass
class Row:
    """A fault that is made many times. rounds: how many, each in turn."""

    name: str
    rounds: Sequence[Round]
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


def faults(options: Options) -> Found:
    """Each fault of tests/faults/ as often as said, with real processes and real signals. A round holds if nothing
    finished is lost, no run is done twice, the records are those of an undisturbed sweep, every error is a line, and
    nothing temporary is left. --rounds N: at most N of each."""
    if sys.platform != "linux":
        raise Unmeasured("not measured: the faults are made as on Linux")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")])
    os.environ["HPSEARCH_DATA"] = str(ROOT)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for row in _rows(Path(folder)):
            rounds = row.rounds[: options.rounds]
            started = perf_counter()
            for seed, one in enumerate(rounds):
                with tempfile.TemporaryDirectory(dir=folder) as own:
                    row.faults += [f"round {seed}: {fault}" for fault in one(Path(own), seed)]
            row.seconds, row.rounds = perf_counter() - started, rounds
            print(f"{row.name}: {len(rounds)} rounds, {row.seconds:.0f} s, {row.faults or 'held'}", file=sys.stderr)
            rows.append(row)
    columns = {
        "fault": [row.name for row in rows],
        "rounds": [f"{len(row.rounds):,}" for row in rows],
        "seconds": [f"{row.seconds:.0f}" for row in rows],
        "did not hold": ["; ".join(row.faults[:3]) or "none" for row in rows],
    }
    numbers = [{"fault": row.name, "rounds": len(row.rounds), "faults": row.faults} for row in rows]
    return Found(table(columns), numbers)


def _rows(folder: Path) -> Iterator[Row]:
    """The rows, in the order of `docs/reliability.md`."""
    clean, fatal = folder / "clean", folder / "fatal"
    clean.mkdir()
    fatal.mkdir()
    grid = kills.clean_grid(clean)
    yield Row("SIGKILL of a grid at random moments until it is done", [partial(kills.killed_grid, clean=grid)] * 50)
    pruners = itertools.islice(itertools.cycle(kills.PRUNERS), 25)
    yield Row(
        "SIGKILL of a search until it is done, each pruner",
        [partial(kills.killed_search, pruner=pruner) for pruner in pruners],
    )
    ends = (signal.SIGKILL, signal.SIGSTOP)
    yield Row(
        "SIGKILL or SIGSTOP of one worker of several",
        [partial(kills.stopped_worker, clean=grid, number=number) for number in ends] * 25,
    )
    undisturbed = bad_runs.clean_grid(fatal)
    sorts = itertools.islice(itertools.cycle(bad_runs.SORTS), 50)
    yield Row(
        "a bad run of each sort in a random lane of 45",
        [partial(_bad_run, sort=sort, clean=undisturbed) for sort in sorts],
    )
    each = itertools.product(phases.PHASES, phases.SIGNALS)
    yield Row(
        "each phase × Ctrl-C, SIGTERM, SIGHUP, SIGKILL",
        [partial(_signalled, phase=phase, number=number) for phase, number in each],
    )
    yield Row("two grids on one folder", [partial(beside.two_grids, clean=grid)] * 20)
    yield Row("two searches on one study, some killed", [beside.two_searches] * 20)
    yield Row("eight searches on one study in SQLite, two killed", [_eight_searches] * 10)
    if programs() is not None:
        with cluster(folder) as url:
            yield Row("eight searches on one study in PostgreSQL, two killed", [partial(_eight_searches, url=url)] * 10)
    ways = [way for way in disks.WAYS if way not in disks.MOUNTED or disks.can_mount(folder / "mount")]
    cases = itertools.islice(itertools.cycle(itertools.product(ways, disks.COMMANDS)), 24)
    yield Row(
        f"a disk that is {', '.join(ways)}",
        [partial(_on_a_disk, way=way, command=command, clean=grid) for way, command in cases],
    )
    yield Row("every leaf of a record replaced", [_replaced] * 3)
    yield Row("every file of a sweep cut off at 10 places", [_cut])
    yield Row("250 odd command lines", [_odd_command_lines] * 8)


def _bad_run(folder: Path, seed: int, sort: str, clean: dict[str, object]) -> list[str]:
    return bad_runs.faults_of(folder, sort, seed, clean)


def _signalled(folder: Path, seed: int, phase: str, number: int) -> list[str]:
    return phases.faults_of(folder, phase, number)


def _eight_searches(folder: Path, seed: int, url: str | None = None) -> list[str]:
    url = url or f"sqlite:///{folder / 'study.db'}"
    return searched(url, 200, DRIVERS, KILLED).faults


def _on_a_disk(folder: Path, seed: int, way: str, command: str, clean: dict[str, object]) -> list[str]:
    return disks.faults_of(folder, way, command, seed, clean)


def _replaced(folder: Path, seed: int) -> list[str]:
    damaged.damage_records(_sweep(folder), 150, seed)  # raises if a reader does, or if a wrong row is read
    return []


def _cut(folder: Path, seed: int) -> list[str]:
    damaged.cut_files(_sweep(folder), 10)
    return []


def _sweep(folder: Path) -> Path:
    end = run(folder, *phases.GRID)
    if end.code:
        raise Unmeasured(f"failed: {end.err.strip().splitlines()[-1]}")
    return folder / "multirun" / "s"


def _odd_command_lines(folder: Path, seed: int) -> list[str]:
    """The verdicts on command lines that hypothesis makes of every key."""
    import hypothesis  # late, because only this suite needs it
    from hypothesis import HealthCheck, given, settings

    from tests.faults.command_lines import odd_command_line, verdict_of

    faults = []

    @settings(max_examples=250, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @hypothesis.seed(seed)
    @given(odd_command_line())
    def tried(arguments: list[str]) -> None:
        if verdict := verdict_of(arguments):
            faults.append(f"{arguments}: {verdict}")

    tried()
    return faults
