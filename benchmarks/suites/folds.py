"""Cross-validation on a table: training alone, and whole commands."""

import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import command
from benchmarks.folds import FOLDS, RUNS, overrides, rmse, write_table
from benchmarks.peers import folds_loop, sklearn_folds
from benchmarks.plain import fastest
from benchmarks.programs import THREADS, folds_program, on_all_cores
from benchmarks.stacked import validated
from benchmarks.timing import Case, Found, Measured, Options, Unmeasured, clocked_rmse, compared, interleaved
from hpsearch.components.schedule import Cosine, Schedule

LANES = f"hpsearch, {RUNS} lanes"


def folds(options: Options) -> Found:
    """5 folds of 20 configurations of 10-64-64-1 with Adam on a table of 1,000 rows, batch 64, 100 epochs: training
    alone, then whole commands. scikit-learn validates a net once, not after each epoch."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "table.csv")
        write_table(table)
        tables = []
        for cases in (_training(table), _commands(table)):
            rows = interleaved(cases, options.rounds or 3, warm_up=False)
            tables.append(compared(rows, LANES))
    return Found("\n\n".join(found.markdown for found in tables), [found.numbers for found in tables])


def _training(table: Path) -> list[Case]:
    def plain() -> float:
        fastest()
        return folds_loop.search(table)

    return [
        Case("plain loop, run by run, 1 thread", clocked_rmse(plain), RUNS),
        Case(f"GridSearchCV, {THREADS} processes", clocked_rmse(partial(sklearn_folds.search, table)), RUNS),
        Case("hpsearch", _trained(table, 48), RUNS),
        Case(LANES, _trained(table, RUNS), RUNS),
        Case(f"{LANES}, schedule=cosine", _trained(table, RUNS, Cosine(final=0.0)), RUNS),
    ]


def _trained(table: Path, lanes: int, schedule: Schedule | None = None) -> Callable[[], Measured]:
    program, specs = folds_program(table, schedule)
    return clocked_rmse(on_all_cores(lambda: _best(validated(program, specs, lanes))))


def _best(runs: list[float]) -> float:
    """The least mean over the folds."""
    return min(statistics.fmean(runs[first : first + FOLDS]) for first in range(0, len(runs), FOLDS))


def _commands(table: Path) -> list[Case]:
    wide = f"hydra.launcher.lanes={RUNS}"
    return [
        Case("plain loop as a script", partial(_peer, "folds_loop", table), RUNS),
        Case(f"scikit-learn, GridSearchCV, {THREADS} processes", partial(_peer, "sklearn_folds", table), RUNS),
        Case("hpsearch", partial(_sweep, table), RUNS),
        Case(LANES, partial(_sweep, table, wide), RUNS),
        Case(f"{LANES}, schedule=cosine", partial(_sweep, table, wide, "schedule=cosine"), RUNS),
    ]


def _peer(name: str, table: Path) -> Measured:
    done = command.run(f"benchmarks.peers.{name}", str(table))
    found = rmse(done.output)
    if found is None:
        raise Unmeasured("failed: it named no winner")
    return Measured(done.seconds, rmse=found)


def _sweep(table: Path, *more: str) -> Measured:
    done = command.sweep(*overrides(table), *more)
    if len(done.records) != RUNS:
        raise Unmeasured(f"failed: it trained {len(done.records)} of {RUNS} runs")
    records = sorted(done.records, key=lambda entry: (str(_configuration(entry)), entry["config"]["seed"]))
    return Measured(done.seconds, rmse=_best([entry["history"]["val_rmse"][-1] for entry in records]))


def _configuration(record: dict[str, Any]) -> tuple[float, float]:
    return record["config"]["lr"], record["config"]["optimizer"]["weight_decay"]
