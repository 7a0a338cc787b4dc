"""The runs of a sweep, read again and again while it runs."""

import os
import re
from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hpsearch.record.data_set import mark_of
from hpsearch.record.file import FILE, load_record, number, read_plain
from hpsearch.record.folders import run_folders
from hpsearch.record.measure import Measure
from hpsearch.record.multirun import LARGEST_YAML
from hpsearch.record.shape import Record, Unreadable
from hpsearch.record.swept import configuration_of, flat_values

Job = frozenset[str]  # the overrides of a run, in any order


@dataclass(frozen=True)
class RecordedRun:
    """A run with a valid record. time: of the record. value: of its metric on validation. data: its data set."""

    folder: str
    time: float
    status: str
    reason: str | None
    overrides: list[str]
    configuration: str
    values: dict[str, Any]
    data: str
    measure: Measure
    value: float

    @classmethod
    def of(cls, folder: str, time: float, record: Record) -> "RecordedRun":
        measure = Measure.of(record)
        values = flat_values(record)
        values.pop("data.fingerprint", None)
        value = number(record["metrics"][measure.val])
        told = record["status"], record["reason"], record["overrides"], configuration_of(record)
        return cls(folder, time, *told, values, mark_of(record), measure, value)


@dataclass(frozen=True)
class Runs:
    """The runs that have a folder. missing: the folders without a record. damaged: folder -> why its record is none."""

    recorded: list[RecordedRun]
    missing: list[str]
    damaged: dict[str, str]

    def __len__(self) -> int:
        return len(self.recorded) + len(self.missing) + len(self.damaged)


class RunReader:
    """Reads the runs of a sweep; a record that has not changed is not read again."""

    def __init__(self, sweep: Path) -> None:
        self._sweep = sweep
        self._known: dict[str, tuple[tuple[int, int], RecordedRun | Unreadable]] = {}

    def runs(self) -> Runs:
        """The runs as they are now. Raises OSError if the sweep's folder cannot be read."""
        runs = Runs([], [], {})
        for folder in run_folders(self._sweep):
            found = self._run(folder)
            if found is None:
                runs.missing.append(folder)
            elif isinstance(found, Unreadable):
                runs.damaged[folder] = str(found)
            else:
                runs.recorded.append(found)
        return runs

    def _run(self, folder: str) -> RecordedRun | Unreadable | None:
        try:
            stat = os.stat(self._sweep / folder / FILE)
        except OSError:
            return None
        mark = stat.st_mtime_ns, stat.st_size
        if folder not in self._known or self._known[folder][0] != mark:
            found: RecordedRun | Unreadable
            try:
                found = RecordedRun.of(folder, stat.st_mtime, load_record(self._sweep / folder))
            except FileNotFoundError:
                return None
            except Unreadable as error:
                found = error
            self._known[folder] = mark, found
        return self._known[folder][1]


def job_of(overrides: Iterable[str]) -> Job:
    """The overrides that make a job what it is."""
    return frozenset(line for line in overrides if not re.match(r"--|hydra\.|trial=|tracker[.=]", line.lstrip("+")))


def unbegun(jobs: Set[Job], runs: Runs, sweep: Path) -> int:
    """The number of jobs without a folder. A job is known by the overrides in its record, or in Hydra's file."""
    others = [job_of(_overrides(sweep / folder)) for folder in (*runs.missing, *runs.damaged)]
    begun = {job_of(run.overrides) for run in runs.recorded} | {*others}
    return max(0, len(jobs - begun) - others.count(frozenset()))


def _overrides(folder: Path) -> list[str]:
    """The overrides of a run that is no record yet, if a launcher has written them."""
    try:
        lines = yaml.safe_load(read_plain(folder / ".hydra" / "overrides.yaml", LARGEST_YAML))
        return [line for line in lines if isinstance(line, str)]
    except (OSError, ValueError, TypeError, yaml.YAMLError, RecursionError):
        return []
