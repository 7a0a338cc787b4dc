"""Records become one table with a row per run, and a line for each record that had to be left out.

Long, because each reason to leave out a record stands beside the others.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hpsearch.formatting import count, inert, spreadsheet_text
from hpsearch.record.data_set import names_of
from hpsearch.record.file import load_record, number, write_text
from hpsearch.record.folders import other_names, run_folders
from hpsearch.record.measure import ACCURACY, Measure
from hpsearch.record.repeated import comparable, labels, repeat
from hpsearch.record.shape import Record, Unreadable
from hpsearch.record.swept import configuration_of, flat_values, swept_keys

SHOWN_NOTES = 10
SWEEP = "sweep"  # the key of sweeps that are kept apart

Run = tuple[dict[str, Any], Record]  # its row and its record


@dataclass(frozen=True)
class Runs:
    """The runs of one or more sweeps.

    frame: a row per run: sweep, folder, number, key, data_set, configuration, status, seed, metrics, test_samples,
    batch_std, seconds, reason, the swept keys. Runs that differ only in their seed have the same configuration.
    records: of the rows, in the same order. swept: the keys that differ between configurations, as on the command
    line. measure: the metric that selects. further: the names of the other metrics.
    missing: the folders without a record. notes: a line for each record that was left out.
    sweeps: the names of the sweeps, as they were given. apart: True if the sweeps repeat one another, so that the key
    `sweep` is swept, too.
    """

    frame: pd.DataFrame
    records: list[Record]
    swept: list[str]
    measure: Measure
    further: list[str]
    missing: list[str]
    notes: list[str]
    sweeps: list[str]
    apart: bool = False

    def records_of(self, configuration: int) -> list[Record]:
        """The records of a configuration."""
        return [self.records[i] for i in self.frame.index[self.frame.configuration == configuration]]

    @property
    def finished(self) -> Any:
        """The finished runs, a group per configuration."""
        return self.frame[self.frame.status == "finished"].groupby("configuration")


def gather(sweeps: Sequence[Path], compare: bool = False) -> Runs:
    """Read every run's record below the sweeps' folders. The order of folders and files changes nothing.

    compare: True to keep sweeps apart that repeat one another. Each is then a value of the key `sweep`, in the order in
    which they were given, and the user's code is no part of a configuration.
    """
    names = labels(list(dict.fromkeys(sweep.resolve() for sweep in sweeps)))
    read, missing, notes = _read(names)
    order = list(names.values())
    if apart := compare and len(names) > 1 and _repeated(read):
        read.sort(key=lambda run: order.index(run[0]["sweep"]))
    found, twice = _each_once(read, apart)
    notes += twice
    if len(notes) > SHOWN_NOTES:
        notes = [*notes[:SHOWN_NOTES], f"and {len(notes) - SHOWN_NOTES} more records were left out"]
    kept, measure, others = _of_one_metric(found)
    frame, swept = _tabulated(kept, apart)
    records = [record for _, record in kept]
    return Runs(frame, records, swept, measure, _further(records, measure), missing, [*notes, *others], order, apart)


def _read(names: dict[Path, str]) -> tuple[list[Run], list[str], list[str]]:
    """The runs of sweeps, the folders without a record, and a line for each record that cannot be used. names: of the
    sweeps."""
    read: list[Run] = []
    missing: list[str] = []
    notes: list[str] = []
    for sweep, name in sorted(names.items(), key=lambda item: (item[0].name, str(item[0]))):
        notes += [f"{name}/{other}: left out: is no folder" for other in other_names(sweep)]
        for folder in run_folders(sweep):
            where = f"{name}/{folder}"
            try:
                record = load_record(sweep / folder)
                read.append((_row(name, folder, record), record))
            except FileNotFoundError:
                missing.append(where)
            except Unreadable as error:
                notes.append(f"{where}: left out: {error}")
    return read, missing, notes


def _repeated(read: list[Run]) -> bool:
    """True if sweeps repeat one another."""
    runs: dict[str, set[tuple[str, int]]] = {}
    files: dict[str, str] = {}
    for row, record in read:
        runs.setdefault(row["sweep"], set()).add((configuration_of(comparable(record, files)), row["seed"]))
    return repeat(runs)


def _each_once(read: list[Run], apart: bool) -> tuple[list[Run], list[str]]:
    """Each configuration with each seed once, and a line for each run that was left out. apart: True for once in each
    sweep, where of two runs that only the code tells apart the later counts."""
    found: dict[tuple[str, str, int], Run] = {}
    files: dict[str, str] = {}
    notes = []
    for row, record in read:
        if apart:
            configuration = configuration_of(comparable(record, files))
            row = row | {"configuration": f"{row['sweep']} {configuration}"}
        run = (row["sweep"] if apart else "", row["configuration"], row["seed"])
        if apart and run in found:
            first = found[run][0]
            notes.append(f"{first['sweep']}/{first['folder']}: left out: {row['folder']} is of later code or data")
            found[run] = row, record
        elif run in found:
            notes.append(f"{row['sweep']}/{row['folder']}: left out: {_again(found[run][0], row, record)}")
        else:
            found[run] = row, record
    return [*found.values()], notes


def _tabulated(kept: list[Run], apart: bool) -> tuple[pd.DataFrame, list[str]]:
    """The frame of runs and the swept keys."""
    files: dict[str, str] = {}
    records = [comparable(record, files) if apart else record for _, record in kept]
    names = [inert(name) for name in names_of(records)]
    rows = [row | {"data_set": name} for (row, _), name in zip(kept, names, strict=True)]
    numbers = {text: number for number, text in enumerate(dict.fromkeys(row["configuration"] for row in rows))}
    flats = [flat_values(record) for record in records]
    for flat, name in zip(flats, names, strict=True):
        if flat.pop("data.fingerprint", None):
            flat["data.path"] = name
    swept = {key: inert(name) for key, name in swept_keys(flats).items()}
    frame = pd.DataFrame([row | {"configuration": numbers[row["configuration"]]} for row in rows])
    for key, name in swept.items():
        values = [inert(value) if isinstance(value := flat.get(key), str) else value for flat in flats]
        frame[name] = pd.Series(values, dtype=object).infer_objects()
    return frame, [*swept.values(), *([SWEEP] if apart else [])]


def _again(first: dict[str, Any], row: dict[str, Any], record: Record) -> str:
    """The reason to leave out a second run of a configuration and seed."""
    metrics = Measure.of(record).columns
    same = all(first.get(metric) == row[metric] or math.isnan(first.get(metric, math.nan)) for metric in metrics)
    results = "the same results" if same else "OTHER RESULTS (another machine or version?)"
    return f"the same configuration and seed as {first['sweep']}/{first['folder']}, with {results}"


def _of_one_metric(found: list[Run]) -> tuple[list[Run], Measure, list[str]]:
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
    parts = [key.partition("_") for record in records for key in record["metrics"]]
    names = dict.fromkeys(name for part, _, name in parts if part in ("val", "test"))
    return [name for name in names if name not in (measure.name, "loss")]


def run_table(runs: Runs) -> pd.DataFrame:
    """A row per run, with the columns of ``runs.csv``."""
    metrics = dict.fromkeys(
        runs.measure.columns + tuple(f"{part}_{m}" for m in runs.further for part in ("val", "test"))
    )
    table = runs.frame[["number", "key", "status", "seed", *runs.swept, *metrics, "seconds", "reason"]]
    return table.assign(
        folder=runs.frame.folder,
        data_set=runs.frame.data_set,
        epochs_trained=[len(record["history"]["train_loss"]) for record in runs.records],
        parameters=pd.array([record.get("parameters") for record in runs.records], dtype="Int64"),
        commit=[inert(record["environment"]["git_commit"] or "") for record in runs.records],
    )


def write_runs(sweep: Path, runs: Runs) -> None:
    """Write ``runs.csv`` into the sweep's folder, whole or not at all."""
    write_csv(sweep / "runs.csv", run_table(runs))


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, whole or not at all. A spreadsheet takes no text in it for a formula."""
    texts = table.map(lambda cell: spreadsheet_text(cell) if isinstance(cell, str) else cell)
    write_text(path, texts.rename(columns=lambda name: spreadsheet_text(str(name))).to_csv(index=False))


def batch_std(correct: Sequence[int], total: Sequence[int]) -> float:
    """Standard deviation of accuracy over test batches, unweighted, with n in the denominator: the paper's ±."""
    return float((np.asarray(correct, float) / np.asarray(total, float)).std())


def _row(sweep: str, folder: str, record: Record) -> dict[str, Any]:
    """The run's row of the frame."""
    measure, metrics = Measure.of(record), record["metrics"]
    correct, total = record["test_batches"]["correct"], record["test_batches"]["total"]
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
        "reason": record["reason"] and inert(record["reason"]),
    }
    return row
