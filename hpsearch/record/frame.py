"""Records become one table with a row per run, and a line for each record that had to be left out.

Long, because reading, checking and naming the swept keys decide together on a row.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hpsearch.record.file import SCHEMA, Record, Unreadable, load_record, number
from hpsearch.record.folders import run_folders
from hpsearch.record.measure import ACCURACY

SHOWN_NOTES = 10
METRICS = ACCURACY.columns
NUMBER, WORDS = (int, float, type(None)), (str, type(None))
SHAPE = {  # of a record, as far as a report reads it
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
    """The runs of one or more sweeps.

    frame: a row per run: sweep, folder, number, key, data_set, configuration, status, seed, metrics, test_images,
    batch_std, seconds, reason, the swept keys. Runs that differ only in their seed have the same configuration.
    records: of the rows, in the same order. swept: the keys that differ between configurations, as on the command
    line. missing: the folders without a record. notes: a line for each record that was left out.
    """

    frame: pd.DataFrame
    records: list[Record]
    swept: list[str]
    missing: list[str]
    notes: list[str]

    def records_of(self, configuration: int) -> list[Record]:
        """The records of a configuration."""
        return [self.records[i] for i in self.frame.index[self.frame.configuration == configuration]]

    @property
    def finished(self) -> Any:
        """The finished runs, a group per configuration."""
        return self.frame[self.frame.status == "finished"].groupby("configuration")


def gather(sweeps: Sequence[Path]) -> Runs:
    """Read every run's record below the sweeps' folders. The order of folders and files changes nothing."""
    rows: dict[tuple[str, int], dict[str, Any]] = {}  # by configuration and seed
    records: list[Record] = []
    numbers: dict[str, int] = {}
    missing: list[str] = []
    notes: list[str] = []
    for sweep in sorted({sweep.resolve() for sweep in sweeps}, key=lambda path: (path.name, str(path))):
        for folder in run_folders(sweep):
            where = f"{sweep.name}/{folder}"
            try:
                record = load_record(sweep / folder)
                row = _row(sweep.name, folder, record)
            except FileNotFoundError:
                missing.append(where)
                continue
            except Unreadable as error:
                notes.append(f"{where}: left out: {error}")
                continue
            configuration = configuration_of(record)
            if first := rows.get((configuration, row["seed"])):
                same = all(first[metric] == row[metric] or first[metric] != first[metric] for metric in METRICS)
                results = "the same results" if same else "OTHER RESULTS (another machine or version?)"
                run = f"{first['sweep']}/{first['folder']}"
                notes.append(f"{where}: left out: the same configuration and seed as {run}, with {results}")
                continue
            row["configuration"] = numbers.setdefault(configuration, len(numbers))
            rows[configuration, row["seed"]] = row
            records.append(record)
    flats = [_flat(record["config"]) for record in records]
    swept = _swept_keys(flats)
    frame = pd.DataFrame(list(rows.values()))
    for key, name in swept.items():
        frame[name] = pd.Series([flat.get(key) for flat in flats], dtype=object).infer_objects()
    if len(notes) > SHOWN_NOTES:
        notes = [*notes[:SHOWN_NOTES], f"and {len(notes) - SHOWN_NOTES} more records were left out"]
    return Runs(frame, records, list(swept.values()), missing, notes)


def configuration_of(record: Record) -> str:
    """A text that is equal for records that differ only in their seed."""
    flat = _flat(record["config"])
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
    """Standard deviation of accuracy over test batches, unweighted, with n in the denominator: the paper's ±."""
    return float((np.asarray(correct, float) / np.asarray(total, float)).std())


def _row(sweep: str, folder: str, record: Record) -> dict[str, Any]:
    """The run's row of the frame. Raises Unreadable if a value of the record has another type, length or range."""
    if misfit := next(_misfits(record, SHAPE), None):
        raise Unreadable(f"{misfit} is not what schema={SCHEMA} promises")
    correct, total = record["test_batches"]["correct"], record["test_batches"]["total"]
    history = record["history"]
    if len(correct) != len(total) or 0 in total or len(history["train_loss"]) != len(history["val_accuracy"]):
        raise Unreadable("its lists do not fit together")
    row = {
        "sweep": sweep,
        "folder": folder,
        "number": int(folder.partition("_")[0]),
        "key": record["key"],
        "data_set": record["config"]["data"]["name"],
        "status": record["status"],
        "seed": record["config"]["seed"],
        **{metric: number(record["metrics"][metric]) for metric in METRICS},
        "test_images": sum(total),
        "batch_std": batch_std(correct, total) if total else math.nan,
        "seconds": number(record["seconds"]),
        "reason": record["reason"],
    }
    for name in ("val_accuracy", "test_accuracy"):
        if row["status"] == "finished" and not 0 <= row[name] <= 1:
            raise Unreadable(f"finished with {name}={row[name]}, which is no accuracy")
    return row


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


def _plain(value: Any) -> Any:
    """Make 1 and 1.0 one value."""
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
    """The keys that differ between configurations, without the seed: flat key -> its name on the command line.

    A group's option counts only if it differs under the same choice of the group. A configuration without a key does
    not count for that key.
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
