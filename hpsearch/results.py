"""A result becomes a run's record and log, and a record a result again."""

import logging
import math
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from hpsearch import environment, record
from hpsearch.build import Job
from hpsearch.engine import EVALUATION_BATCH, History, Result
from hpsearch.lanes import Outcome
from hpsearch.usage import exit_on_write_error

log = logging.getLogger(__name__)


def deliver(job: Job, outcome: Outcome, cfg: DictConfig) -> float:
    """Write a run's record and log into its folder; returns its validation accuracy or raises its failure."""
    hydra = HydraConfig.get()
    entry: record.Record = {
        "schema": record.SCHEMA,
        "status": "failed",
        "reason": None,
        "key": job.key,
        "config": job.config,
        "overrides": record.flags(hydra) + [line for line in hydra.overrides.task if not line.startswith("trial=")],
        "metrics": dict.fromkeys(record.METRICS),
        "history": {"train_loss": [], "val_loss": [], "val_accuracy": []},
        "test_batches": {"size": EVALUATION_BATCH, "correct": [], "total": []},
        "seconds": 0.0,
        "lanes": 1,
        "parameters": None,
        "environment": environment.describe(job.program.device),
    }
    if isinstance(outcome, Result):
        entry |= _describe(outcome)
    else:
        entry["reason"] = f"{type(outcome).__name__}: {str(outcome).partition(chr(10))[0]}"
    for epoch, numbers in enumerate(zip(*entry["history"].values(), strict=True), start=1):
        log.info("epoch %d: training loss %.4f, validation loss %.4f, validation accuracy %.2f %%",
                 epoch, *numbers[:2], 100 * numbers[2])  # fmt: skip
    log.info("%s%s", entry["status"], f": {entry['reason']}" if entry["reason"] else "")
    folder = Path(hydra.runtime.output_dir)
    with exit_on_write_error(folder):
        record.write(folder, entry)
    if isinstance(outcome, Exception):
        raise outcome
    return value_of(entry["metrics"]["val_accuracy"])


def _describe(result: Result) -> dict[str, Any]:
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
        "test_batches": {
            "size": EVALUATION_BATCH,
            "correct": result.test_correct,
            "total": result.test_total,
        },
        "seconds": result.seconds,
        "lanes": result.lanes,
        "parameters": result.parameters,
    }


def result_of(entry: record.Record) -> Result:
    """The inverse of what `deliver` writes, as far as it was written."""
    history = History(**{name: [value_of(number) for number in entry["history"][name]] for name in vars(History())})
    return Result(entry["status"], entry["reason"], history, entry["seconds"], entry["lanes"], entry.get("parameters"))


def value_of(accuracy: float | None) -> float:
    """What Hydra's sweepers get: the validation accuracy, nan where there is none."""
    return math.nan if accuracy is None else accuracy
