"""The shape of a record, as far as a reader goes by it."""

import math
from collections.abc import Iterator
from typing import Any

from hpsearch.record.file import SCHEMA, Record, Unreadable, number
from hpsearch.record.measure import Measure

NUMBER, WORDS = (int, float, type(None)), (str, type(None))
SHAPE = {  # of a record, as far as a report reads it
    "config": {"data": {"name": str}, "seed": int},
    "overrides": [str],
    "reason": WORDS,
    "seconds": NUMBER,
    "metric": {"name": str, "maximize": bool, "unit": str},
    "target": {"name": WORDS},
    "metrics": (dict, type(None)),
    "history": {"train_loss": [NUMBER]},
    "test_samples": int,
    "test_batches": {"correct": [int], "total": [int]},
    "environment": {"versions": {"torch": str}, "git_commit": WORDS, "device": str, "device_name": str, "threads": int},
}


def check(record: Record) -> Measure:
    """The metric of a record. Raises Unreadable if a value of the record has another type, length or range."""
    _check(record, SHAPE)
    measure, metrics, history = Measure.of(record), record["metrics"] or {}, record["history"]
    _check(
        record | {"metrics": metrics}, {"history": {measure.val: [NUMBER]}, "metrics": dict.fromkeys(metrics, NUMBER)}
    )
    correct, total = record["test_batches"]["correct"], record["test_batches"]["total"]
    if len(correct) != len(total) or 0 in total or len(history["train_loss"]) != len(history[measure.val]):
        raise Unreadable("its lists do not fit together")
    validated = any(value is not None for value in history[measure.val])  # a split may leave no rows for validation
    for name in (measure.val, measure.test) if validated else (measure.test,):
        value = number(metrics.get(name))
        within = 0 <= value <= 1 if measure.is_accuracy else not math.isnan(value)
        if record["status"] == "finished" and not within:
            kind = "accuracy" if measure.is_accuracy else "number"
            raise Unreadable(f"finished with {name}={value}, which is no {kind}")
    return measure


def _check(record: Record, shape: Any) -> None:
    if misfit := next(_misfits(record, shape), None):
        raise Unreadable(f"{misfit} is not what schema={SCHEMA} promises")


def _misfits(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """The path of each value without its shape. A shape: a dict by key, a list of one shape, or types."""
    if isinstance(shape, dict) and isinstance(value, dict):
        for key, inner in shape.items():
            yield from _misfits(value.get(key), inner, f"{path}.{key}")
    elif isinstance(shape, list) and isinstance(value, list):
        for item in value:
            yield from _misfits(item, shape[0], path)
    elif isinstance(shape, (dict, list)) or not isinstance(value, shape):
        yield path[1:]
