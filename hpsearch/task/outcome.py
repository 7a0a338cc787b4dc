"""The outcome of a run becomes its record and its log, and a record becomes a result again."""

import math
import traceback
from pathlib import Path
from typing import Any

from hpsearch.engine.evaluate import EVALUATION_BATCH
from hpsearch.engine.result import History, Result
from hpsearch.record.file import Record, number, write_record
from hpsearch.record.measure import ACCURACY
from hpsearch.task import environment
from hpsearch.workers.run import Outcome, Run

LOG = "hpsearch.log"


def write(folder: Path, run: Run, outcome: Outcome) -> None:
    """Write a run's log, if there is something to log, and then its record, which marks the run as done."""
    if isinstance(outcome, Exception):
        (folder / LOG).write_text("".join(traceback.format_exception(outcome)), encoding="utf-8")
    elif outcome.reason and outcome.status != "pruned":
        (folder / LOG).write_text(f"{outcome.status}: {outcome.reason}\n", encoding="utf-8")
    write_record(folder, record_of(run, outcome))


def record_of(run: Run, outcome: Outcome) -> Record:
    """The record of a run."""
    record: Record = {
        "schema": 1,
        "status": "failed",
        "reason": None,
        "key": run.key,
        "config": run.config,
        "overrides": run.overrides,
        "metrics": dict.fromkeys(ACCURACY.columns),
        "history": {"train_loss": [], "val_loss": [], "val_accuracy": []},
        "test_batches": {"size": EVALUATION_BATCH, "correct": [], "total": []},
        "seconds": 0.0,
        "lanes": 1,
        "parameters": None,
        "environment": environment.describe(run.stack.device),
    }
    if isinstance(outcome, Exception):
        return record | {"reason": f"{type(outcome).__name__}: {str(outcome).partition(chr(10))[0]}"}
    return record | _described(outcome)


def _described(result: Result) -> dict[str, Any]:
    history = vars(result.history)
    metrics = {name: history[name][-1] for name in ("val_accuracy", "val_loss", "train_loss")}
    tested = result.status == "finished"
    metrics["test_accuracy"] = sum(result.test_correct) / sum(result.test_total) if tested else None
    metrics["test_loss"] = result.test_loss
    return {
        "status": result.status,
        "reason": result.reason,
        "metrics": metrics,
        "history": history,
        "test_batches": {"size": EVALUATION_BATCH, "correct": result.test_correct, "total": result.test_total},
        "seconds": result.seconds,
        "lanes": result.lanes,
        "parameters": result.parameters,
    }


def result_of(record: Record) -> Result:
    """The result that a record keeps; of the test split it keeps other numbers."""
    history = History(**{name: [number(value) for value in record["history"][name]] for name in vars(History())})
    return Result(
        record["status"], record["reason"], history, record["seconds"], record["lanes"], record.get("parameters")
    )


def value_of(outcome: Outcome) -> float:
    """The value of a run for Hydra's sweepers: its validation accuracy, nan if it failed."""
    return outcome.history.val_accuracy[-1] if isinstance(outcome, Result) else math.nan
