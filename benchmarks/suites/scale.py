"""The process that was started, alone: real configurations, scheduler, search and records, and workers that train
nothing."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from benchmarks import command
from benchmarks.timing import Found, Options, Unmeasured, table

NET = "data=digits", "architecture.width=4", "epochs=1", "batch_size=1437", "weights=none", "report=false", "name=s"
SEARCH = "hydra/sweeper=hpsearch", "hydra/sweeper/sampler=random", "lr=tag(log, interval(0.00001, 10))"
FEW = 10


def scale(options: Options) -> Found:
    """Grids and random searches of so many runs whose training takes no time; the start of the command, in that of 10
    runs, is left out of the rate."""
    sizes = {"grid": [1_000, 10_000], "search": [1_000]}
    if options.long:
        sizes = {"grid": [*sizes["grid"], 100_000], "search": [*sizes["search"], 10_000]}
    ways: dict[str, Callable[[int], tuple[str, ...]]] = {
        "grid": lambda runs: (f"seed=range({runs})",),
        "search": lambda runs: (*SEARCH, f"hydra.sweeper.n_trials={runs}"),
    }
    rows: list[tuple[str, int, float, float, int, float]] = []
    for name, arguments in ways.items():
        start, *_ = _command(*arguments(FEW))
        for runs in sizes[name]:
            seconds, memory, report = _command(*arguments(runs))
            print(f"{name} of {runs:,}: {seconds:.1f} s", flush=True)
            rows.append((name, runs, seconds, (runs - FEW) / (seconds - start), memory, report))
    columns = {
        "command": [name for name, *_ in rows],
        "runs": [f"{runs:,}" for _, runs, *_ in rows],
        "seconds": [f"{row[2]:.1f}" for row in rows],
        "runs a second": [f"{row[3]:.0f}" for row in rows],
        "MiB": [f"{row[4]}" for row in rows],
        "the report again, seconds": [f"{row[5]:.1f}" for row in rows],
    }
    return Found(table(columns), rows)


def _command(*arguments: str) -> tuple[float, int, float]:
    """Seconds and MiB of a sweep, and seconds of the table from its records."""
    with tempfile.TemporaryDirectory() as folder:
        seconds, output = _timed(folder, "benchmarks.peers.fake_workers", "-m", *NET, *arguments)
        memory = re.search(r"^memory (\d+) MiB$", output, flags=re.MULTILINE)
        if memory is None:
            raise Unmeasured("failed: it named no memory")
        report, _ = _timed(folder, "hpsearch.report", str(Path("multirun", "s")))
        return seconds, int(memory[1]), report


def _timed(folder: str, *arguments: str) -> tuple[float, str]:
    started = perf_counter()
    ended = command.ended_in(folder, *arguments)
    if ended.returncode:
        raise Unmeasured(f"failed with exit code {ended.returncode}: {ended.stderr.strip()[-200:]}")
    return perf_counter() - started, ended.stdout
