"""Folders of runs become one table, a row per run, and a line for whatever had to be left out."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hpsearch.record.file import METRICS, SCHEMA, Record, Unreadable, load_record
from hpsearch.record.folders import run_folders

SHOWN_NOTES = 10
NUMBER, WORDS = (int, float, type(None)), (str, type(None))
PARTS = {  # of a record, as far as a report reads it
    "config": {"data": {"name": str}, "seed": int},
    "overrides": [str],
    "reason": WORDS,
    "seconds": NUMBER,
    "metrics": dict.fromkeys(METRICS, NUMBER),
    "history": {"train_loss": [NUMBER], "val_accuracy": [NUMBER]},
    "test_batches": {"correct": [int], "total": [int]},
    "environment": {"versions": {"torch": str}, "git_commit": WORDS, "device": str, "device_name": str, "threads": int},
}


@dataclass(frozen=True)
class Runs:
    """What the records of one or more sweeps say.

    frame: a row per run: sweep, folder, number, key, data_set, configuration, status, seed, metrics, test_images,
    batch_std, seconds, reason, the swept keys. configuration: equal for runs that differ only in their seed. records:
    of the rows, in their order. swept: what differs between configurations, by its names on the command line. missing:
    the folders without a record. notes: a line for everything that was left out.
    """

    frame: pd.DataFrame
    records: list[Record]
    swept: list[str]
    missing: list[str]
    notes: list[str]

    def one_of(self, configuration: int) -> Record:
        """A record of a configuration."""
        return self.records[int((self.frame.configuration == configuration).argmax())]


def gather(sweeps: Sequence[Path]) -> Runs:
    """Read every run's record below the sweeps' folders. The order of folders and files changes nothing."""
    rows: dict[tuple[str, int], dict[str, Any]] = {}  # by configuration and seed
    records: list[Record] = []
    flats: list[dict[str, Any]] = []
    numbers: dict[str, int] = {}
    missing: list[str] = []
    notes: list[str] = []
    for sweep in sorted({sweep.resolve() for sweep in sweeps}, key=lambda path: (path.name, str(path))):
        for folder in run_folders(sweep):
            where = f"{sweep.name}/{folder}"
            try:
                entry = load_record(sweep / folder)
                row = _row(sweep.name, folder, entry)
            except FileNotFoundError:
                missing.append(where)
                continue
            except Unreadable as error:
                notes.append(f"{where}: left out: {error}")
                continue
            flat = _flat(entry["config"])
            configuration = configuration_of(entry)
            run = configuration, entry["config"]["seed"]
            if run in rows:
                same = all(rows[run][m] == row[m] or rows[run][m] != rows[run][m] for m in METRICS)
                results = "the same results" if same else "OTHER RESULTS (another machine or version?)"
                first = f"{rows[run]['sweep']}/{rows[run]['folder']}"
                notes.append(f"{where}: left out: the same configuration and seed as {first}, with {results}")
                continue
            rows[run] = row | {"configuration": numbers.setdefault(configuration, len(numbers))}
            records.append(entry)
            flats.append(flat)
    swept = _swept_keys(flats)
    frame = pd.DataFrame(list(rows.values()))
    for key, name in swept.items():
        frame[name] = pd.Series([flat.get(key) for flat in flats], dtype=object).infer_objects()
    if len(notes) > SHOWN_NOTES:
        notes = [*notes[:SHOWN_NOTES], f"and {len(notes) - SHOWN_NOTES} more records were left out"]
    return Runs(frame, records, list(swept.values()), missing, notes)


def configuration_of(entry: Record) -> str:
    """Equal for records that differ only in their seed."""
    flat = _flat(entry["config"])
    return json.dumps([[key, _plain(flat[key])] for key in sorted(flat) if key != "seed"])


def run_table(runs: Runs) -> pd.DataFrame:
    """A row per run, with the columns of ``runs.csv``."""
    return runs.frame[["number", "key", "status", "seed", *runs.swept, *METRICS, "seconds", "reason"]]


def write_runs(sweep: Path, runs: Runs) -> None:
    """Write ``runs.csv`` into the sweep's folder, whole or not at all."""
    part = sweep / ".runs.csv"
    try:
        run_table(runs).to_csv(part, index=False)
        part.replace(sweep / "runs.csv")
    finally:
        part.unlink(missing_ok=True)


def batch_std(correct: Sequence[int], total: Sequence[int]) -> float:
    """Standard deviation of accuracy over test batches, unweighted, n in the denominator: the paper's ±."""
    return float((np.asarray(correct, float) / np.asarray(total, float)).std())


def _row(sweep: str, folder: str, entry: Record) -> dict[str, Any]:
    """What the table says of a run. Raises Unreadable where the record is not what its schema promises."""
    if misfit := _misfit(entry, PARTS):
        raise Unreadable(f"{misfit} is not what schema={SCHEMA} promises")
    correct, total = entry["test_batches"]["correct"], entry["test_batches"]["total"]
    history = entry["history"]
    if len(correct) != len(total) or 0 in total or len(history["train_loss"]) != len(history["val_accuracy"]):
        raise Unreadable("its lists do not fit together")
    row = {
        "sweep": sweep,
        "folder": folder,
        "number": int(folder.partition("_")[0]),
        "key": entry["key"],
        "data_set": entry["config"]["data"]["name"],
        "status": entry["status"],
        "seed": entry["config"]["seed"],
        **{metric: _number(entry["metrics"][metric]) for metric in METRICS},
        "test_images": sum(total),
        "batch_std": batch_std(correct, total) if total else math.nan,
        "seconds": _number(entry["seconds"]),
        "reason": entry["reason"],
    }
    if row["status"] == "finished":
        for name in ("val_accuracy", "test_accuracy"):
            if not 0 <= row[name] <= 1:
                raise Unreadable(f"finished with {name}={row[name]}, which is no accuracy")
    return row


def _misfit(value: Any, shape: Any, path: str = "") -> str | None:
    """Where a value is not of the shape: a dict by key, a list of one shape, or types."""
    if isinstance(shape, dict):
        inner = (
            ((value.get(key), part, f"{path}.{key}") for key, part in shape.items())
            if isinstance(value, dict)
            else None
        )
    elif isinstance(shape, list):
        inner = ((item, shape[0], path) for item in value) if isinstance(value, list) else None
    else:
        return None if isinstance(value, shape) else path[1:]
    return path[1:] if inner is None else next((misfit for part in inner if (misfit := _misfit(*part))), None)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _plain(value: Any) -> Any:
    """1 and 1.0 are one value."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"optimizer": {"name": "sgd"}} -> {"optimizer.name": "sgd"}; lists and null become text, as they are typed."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            text = f"[{','.join(map(str, value))}]" if isinstance(value, list) else "null"
            flat[f"{prefix}{key}"] = text if isinstance(value, list) or value is None else value
    return flat


def _swept_keys(configs: list[dict[str, Any]]) -> dict[str, str]:
    """What differs between configurations, seed aside: key in the flat configuration -> its name on the command line.

    A group's other options count only where they differ under one and the same choice, and a key that a
    configuration does not have does not differ there.
    """
    keys = [key for key in dict.fromkeys(key for config in configs for key in config) if key != "seed"]
    swept: dict[str, str] = {}
    for key in keys:
        group, dot, option = key.rpartition(".")
        choice = f"{group}.name" if dot and option != "name" else None
        values: dict[Any, set[Any]] = {}
        for config in configs:
            if key in config:
                values.setdefault(config.get(choice) if choice else None, set()).add(config[key])
        if any(len(different) > 1 for different in values.values()):
            swept[key] = group if option == "name" else key
    return swept
