"""Sweeps written by hand: folders of records with the accuracies that a test wants."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hpsearch.record.file import key_of, write_record
from hpsearch.record.measure import ACCURACY
from hpsearch.record.shape import Record

CONFIG: dict[str, Any] = {
    "data": {"name": "digits"},
    "architecture": {"name": "mlp", "width": 64},
    "optimizer": {"name": "sgd"},
    "dropout": {"name": "none", "p": 0.0},
    "lr": 0.1,
    "seed": 0,
    "epochs": 3,
}


def entry(
    test: float | None,
    *,
    val: float | None = None,
    status: str = "finished",
    seconds: float = 2.0,
    overrides: Sequence[str] = ("lr=0.1", "seed=0"),
    images: int = 1000,
    **config: Any,
) -> Record:
    """A record. test, val: accuracies; val is the test's unless told. config: by group name, or whole groups."""
    resolved = {**CONFIG}
    for key, value in config.items():
        resolved[key] = {"name": value} if isinstance(resolved.get(key), dict) and isinstance(value, str) else value
    accuracy = test if val is None else val
    right = 0 if test is None else round(test * images)
    correct = [] if test is None else [right // 4] * 3 + [right - 3 * (right // 4)]
    curve = [0.5 * (accuracy or 0.1), 0.8 * (accuracy or 0.1), math.nan if accuracy is None else accuracy]
    return {
        "schema": 1,
        "status": status,
        "reason": None if status == "finished" else "the loss became nan in epoch 2",
        "key": key_of(resolved),
        "config": resolved,
        "overrides": list(overrides),
        "metrics": dict(zip(ACCURACY.columns, (accuracy, 0.5, 0.4, test, 0.6), strict=True)),
        "history": {"train_loss": [2.0, 1.0, 0.4], "val_loss": [2.0, 1.0, 0.5], "val_accuracy": curve},
        "test_batches": {"size": 256, "correct": correct, "total": [images // 4] * len(correct)},
        "seconds": seconds,
        "lanes": 4,
        "environment": {
            "versions": {"python": "3.11", "torch": "2.13.0"},
            "git_commit": "c0ffee",
            "device": "cpu",
            "device_name": "a processor",
            "threads": 2,
        },
    }  # fmt: skip


def scored(
    test: float | None,
    *,
    val: float | None = None,
    name: str = "rmse",
    maximize: bool = False,
    unit: str = "target",
    target: str | None = "strength",
    further: dict[str, float] | None = None,
    **options: Any,
) -> Record:
    """A record of schema 2 with another metric. test, val: its values; further: of more metrics, by their keys."""
    made = entry(None, **options)
    value = test if val is None else val
    worse = (0.5, 0.8) if unit == "%" else (3, 2)
    curve = [*(times * (value or 1.0) for times in worse), math.nan if value is None else value]
    return made | {
        "schema": 2,
        "metric": {"name": name, "maximize": maximize, "unit": unit},
        "target": {"kind": "regression", "name": target, "classes": None},
        "metrics": {f"val_{name}": value, "val_loss": 0.5, "train_loss": 0.4, f"test_{name}": test, "test_loss": 0.6}
        | (further or {}),
        "history": {"train_loss": [2.0, 1.0, 0.4], "val_loss": [2.0, 1.0, 0.5], f"val_{name}": curve},
        "epoch": 3,
        "test_samples": 103,
        "test_batches": {"size": 256, "correct": [], "total": []},
    }


def scored_seeds(values: Sequence[float], **options: Any) -> list[Record]:
    """One configuration on seeds 0, 1, …."""
    return [scored(value, seed=seed, **options) for seed, value in enumerate(values)]


def sweep(folder: Path, entries: Sequence[Record]) -> Path:
    """Write a sweep of these records; returns its folder."""
    for number, one in enumerate(entries):
        run = folder / f"{number:03d}_{one['key'][:8]}"
        run.mkdir(parents=True)
        write_record(run, one)
    return folder


def seeds(accuracies: Sequence[float], **options: Any) -> list[Record]:
    """One configuration on seeds 0, 1, …."""
    return [entry(accuracy, seed=seed, **options) for seed, accuracy in enumerate(accuracies)]
