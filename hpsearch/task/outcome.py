"""The outcome of a run becomes its record and its log, and a record becomes a result again."""

import math
import traceback
from pathlib import Path
from typing import Any

from hpsearch.engine.place import place_of
from hpsearch.engine.result import History, Result
from hpsearch.engine.samples import EVALUATION_BATCH
from hpsearch.errors import reason_of
from hpsearch.record.file import number, write_record, write_text
from hpsearch.record.scripts import script_path
from hpsearch.record.shape import SCHEMA, Record
from hpsearch.script.run import remove_resume
from hpsearch.script.spec import ScriptSpec
from hpsearch.task import environment, weights
from hpsearch.workers.run import CHECKPOINT, Outcome, Run

LOG = "hpsearch.log"


def write_log(folder: Path, outcome: Outcome) -> None:
    """Write a run's log, if there is something to log."""
    if isinstance(outcome, Exception):
        write_text(folder / LOG, "".join(traceback.format_exception(outcome)))
    elif outcome.reason and outcome.status != "pruned":
        write_text(folder / LOG, f"{outcome.status}: {outcome.reason}\n")


def write(folder: Path, run: Run, outcome: Outcome, keep: str) -> None:
    """Write a run's weights, and then its record, which marks the run as done.

    keep: the value of ``weights=``. The weights leave the outcome, because thousands would fill the memory.
    """
    if isinstance(outcome, Result) and outcome.weights is not None:
        weights.save(folder, run, outcome.weights, keep)
        outcome.weights = None
    write_record(folder, record_of(run, outcome))
    (folder / CHECKPOINT).unlink(missing_ok=True)
    if isinstance(outcome, Result):  # another attempt of a run that failed may go on from there
        remove_resume(folder)


def record_of(run: Run, outcome: Outcome) -> Record:
    """The record of a run."""
    metric, target = run.metric, None if run.script else run.data.target
    place = outcome.place if isinstance(outcome, Result) else None
    record: Record = {
        "schema": SCHEMA,
        "status": "failed",
        "reason": None,
        "key": run.key,
        "config": run.config,
        "overrides": run.overrides,
        "metric": {"name": metric.name, "maximize": metric.maximize, "unit": metric.unit},
        "target": {
            "kind": None if target is None else target.kind,
            "name": getattr(target, "name", None),
            "classes": getattr(target, "names", None),
        },
        "metrics": dict.fromkeys(["val_loss", f"val_{metric.name}", "train_loss", f"test_{metric.name}", "test_loss"]),
        "history": {"train_loss": [], "val_loss": [], f"val_{metric.name}": []},
        "epoch": 0,
        "test_samples": 0,
        "test_batches": {"size": EVALUATION_BATCH, "correct": [], "total": []},
        "seconds": 0.0,
        "lanes": 1,
        "parameters": None,
        "environment": environment.describe(place or place_of(run.stack.device)) | run.content,
    }
    if isinstance(run.lane, ScriptSpec):
        record["script"] = script_path(run.lane.config)
    if isinstance(outcome, Exception):
        return record | {"reason": reason_of(outcome)}
    described = _described(outcome)
    return record | described | {"metrics": record["metrics"] | described["metrics"]}


def _described(result: Result) -> dict[str, Any]:
    history = result.history
    return {
        "status": result.status,
        "reason": result.reason,
        "metrics": result.metrics,
        "history": result.curves
        | {
            "train_loss": history.train_loss,
            "val_loss": history.val_loss,
            f"val_{result.metric}": history.val_metric,
        },
        "epoch": result.epoch,
        "test_samples": result.test_samples,
        "test_batches": {"size": EVALUATION_BATCH, "correct": result.test_correct, "total": result.test_total},
        "seconds": result.seconds,
        "lanes": result.lanes,
        "parameters": result.parameters,
    }


def result_of(record: Record) -> Result:
    """The result that a record keeps; without weights."""
    name, batches = record["metric"]["name"], record["test_batches"]
    own = ("train_loss", "val_loss", f"val_{name}")
    curves = [[number(v) for v in record["history"][key]] for key in own]
    return Result(
        record["status"],
        record["reason"],
        History(*curves),
        record["seconds"],
        record["lanes"],
        record.get("parameters"),
        record["epoch"],
        name,
        {key: number(value) for key, value in record["metrics"].items()},
        record["test_samples"],
        batches["correct"],
        batches["total"],
        curves={key: [*map(number, curve)] for key, curve in record["history"].items() if key not in own},
    )


def value_of(outcome: Outcome) -> float:
    """The value of a run for Hydra's sweepers: its validation metric, nan if it failed."""
    return outcome.value if isinstance(outcome, Result) else math.nan
