"""Records become one table with a row per run, and a line for each record that had to be left out.

Long, because reading, checking and naming the swept keys decide together on a row.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hpsearch.formatting import count
from hpsearch.record.data_set import names_of
from hpsearch.record.file import SCHEMA, Record, Unreadable, load_record, number, write_whole
from hpsearch.record.folders import run_folders
from hpsearch.record.implied import completed
from hpsearch.record.measure import ACCURACY, Measure

SHOWN_NOTES = 10
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


@dataclass(frozen=True)
class Runs:
    """The runs of one or more sweeps.

    frame: a row per run: sweep, folder, number, key, data_set, configuration, status, seed, metrics, test_samples,
    batch_std, seconds, reason, the swept keys. Runs that differ only in their seed have the same configuration.
    records: of the rows, in the same order. swept: the keys that differ between configurations, as on the command
    line. measure: the metric that selects. further: the names of the other metrics.
    missing: the folders without a record. notes: a line for each record that was left out.
    """

    frame: pd.DataFrame
    records: list[Record]
    swept: list[str]
    measure: Measure
    further: list[str]
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
    found: dict[tuple[str, int], tuple[dict[str, Any], Record]] = {}  # by configuration and seed
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
            run = (row["configuration"], row["seed"])
            if run in found:
                notes.append(f"{where}: left out: {_again(found[run][0], row, record)}")
            else:
                found[run] = row, record
    if len(notes) > SHOWN_NOTES:
        notes = [*notes[:SHOWN_NOTES], f"and {len(notes) - SHOWN_NOTES} more records were left out"]
    kept, measure, others = _of_one_metric([*found.values()])
    records = [record for _, record in kept]
    names = names_of(records)
    rows = [row | {"data_set": name} for (row, _), name in zip(kept, names, strict=True)]
    numbers = {text: number for number, text in enumerate(dict.fromkeys(row["configuration"] for row in rows))}
    flats = [_flat(completed(record["config"])) for record in records]
    for flat, name in zip(flats, names, strict=True):
        if flat.pop("data.fingerprint", None):
            flat["data.path"] = name
    swept = _swept_keys(flats)
    frame = pd.DataFrame([row | {"configuration": numbers[row["configuration"]]} for row in rows])
    for key, name in swept.items():
        frame[name] = pd.Series([flat.get(key) for flat in flats], dtype=object).infer_objects()
    return Runs(frame, records, list(swept.values()), measure, _further(records, measure), missing, [*notes, *others])


def _again(first: dict[str, Any], row: dict[str, Any], record: Record) -> str:
    """The reason to leave out a second run of a configuration and seed."""
    metrics = Measure.of(record).columns
    same = all(first.get(metric) == row[metric] or math.isnan(first.get(metric, math.nan)) for metric in metrics)
    results = "the same results" if same else "OTHER RESULTS (another machine or version?)"
    return f"the same configuration and seed as {first['sweep']}/{first['folder']}, with {results}"


def _of_one_metric(
    found: list[tuple[dict[str, Any], Record]],
) -> tuple[list[tuple[dict[str, Any], Record]], Measure, list[str]]:
    """The runs whose metric most runs have; that metric, with the name of the target if it is one; a line for each
    metric whose runs were left out."""
    measures = [Measure.of(record) for _, record in found]
    kinds = Counter(replace(measure, target="") for measure in measures)
    if not kinds:
        return [], ACCURACY, []
    (measure, most), *others = kinds.most_common()
    kept = [run for run, its in zip(found, measures, strict=True) if replace(its, target="") == measure]
    targets = {its.target for its in measures if replace(its, target="") == measure}
    notes = [
        f"{count(runs, 'run')} with metric={other.name} left out: {most:,} have metric={measure.name}, and a report "
        "judges by one"
        for other, runs in others
    ]
    return kept, replace(measure, target=targets.pop() if len(targets) == 1 else ""), notes


def _further(records: list[Record], measure: Measure) -> list[str]:
    """The names of the metrics beside the one that selects and the losses."""
    parts = [key.partition("_") for record in records for key in record["metrics"] or {}]
    names = dict.fromkeys(name for part, _, name in parts if part in ("val", "test"))
    return [name for name in names if name not in (measure.name, "loss")]


def configuration_of(record: Record) -> str:
    """A text that is equal for records that differ only in their seed."""
    flat = _flat(record["config"])
    return json.dumps([[key, _plain(flat[key])] for key in sorted(flat) if key != "seed"])


def values_of(record: Record, keys: Sequence[str]) -> list[Any]:
    """The values of swept keys in a record; None for a key that it has not."""
    flat = _flat(record["config"])
    return [_plain(flat.get(key, flat.get(f"{key}.name"))) for key in keys]


def run_table(runs: Runs) -> pd.DataFrame:
    """A row per run, with the columns of ``runs.csv``."""
    metrics = dict.fromkeys(
        runs.measure.columns + tuple(f"{part}_{m}" for m in runs.further for part in ("val", "test"))
    )
    return runs.frame[["number", "key", "status", "seed", *runs.swept, *metrics, "seconds", "reason"]]


def write_runs(sweep: Path, runs: Runs) -> None:
    """Write ``runs.csv`` into the sweep's folder, whole or not at all."""
    write_whole(sweep / "runs.csv", run_table(runs).to_csv(index=False).encode())


def batch_std(correct: Sequence[int], total: Sequence[int]) -> float:
    """Standard deviation of accuracy over test batches, unweighted, with n in the denominator: the paper's ±."""
    return float((np.asarray(correct, float) / np.asarray(total, float)).std())


def _row(sweep: str, folder: str, record: Record) -> dict[str, Any]:
    """The run's row of the frame. Raises Unreadable if a value of the record has another type, length or range."""
    _check(record, SHAPE)
    measure, metrics = Measure.of(record), record["metrics"] or {}
    _check(
        record | {"metrics": metrics}, {"history": {measure.val: [NUMBER]}, "metrics": dict.fromkeys(metrics, NUMBER)}
    )
    correct, total = record["test_batches"]["correct"], record["test_batches"]["total"]
    history = record["history"]
    if len(correct) != len(total) or 0 in total or len(history["train_loss"]) != len(history[measure.val]):
        raise Unreadable("its lists do not fit together")
    names = dict.fromkeys([*measure.columns, *metrics])
    row = {
        "sweep": sweep,
        "folder": folder,
        "number": int(folder.partition("_")[0]),
        "key": record["key"],
        "configuration": configuration_of(record),
        "status": record["status"],
        "seed": record["config"]["seed"],
        **{name: number(metrics.get(name)) for name in names},
        "test_samples": record["test_samples"],
        "batch_std": batch_std(correct, total) if total else math.nan,
        "seconds": number(record["seconds"]),
        "reason": record["reason"],
    }
    validated = any(value is not None for value in history[measure.val])  # a split may leave no rows for validation
    for name in (measure.val, measure.test) if validated else (measure.test,):
        within = 0 <= row[name] <= 1 if measure.is_accuracy else not math.isnan(row[name])
        if row["status"] == "finished" and not within:
            kind = "accuracy" if measure.is_accuracy else "number"
            raise Unreadable(f"finished with {name}={row[name]}, which is no {kind}")
    return row


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
