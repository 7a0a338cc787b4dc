"""The record of a run: ``record.json`` in its folder. Its presence means "done"."""

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any

from hpsearch.record.measure import ACCURACY

SCHEMA = 2
FILE = "record.json"
STATUSES = ("finished", "pruned", "diverged", "failed")

Record = dict[str, Any]


def key_of(config: dict[str, Any]) -> str:
    """The key of a run: the hash of its resolved task configuration, seed included."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def configuration_key(config: dict[str, Any]) -> str:
    """The key of a configuration: equal for runs that differ only in their seed."""
    return key_of({key: value for key, value in config.items() if key != "seed"})


def write_record(folder: Path, record: Record) -> None:
    """Write a record whole or not at all. Numbers that are not finite become null."""
    text = json.dumps(_finite(record), indent=1, allow_nan=False)
    write_whole(folder / FILE, text.encode(), synced=True)


def write_whole(path: Path, content: bytes, synced: bool = False) -> None:
    """Write a file whole or not at all. synced: also if the power fails."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("wb") as file:
            file.write(content)
            if synced:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def number(value: float | None) -> float:
    """A number of a record: null stands for nan."""
    return math.nan if value is None else float(value)


class Unreadable(Exception):
    """A record that cannot be used. The message is one line."""


def load_record(folder: Path) -> Record:
    """The record in a run's folder. Raises FileNotFoundError without one, Unreadable for one that is not valid."""
    try:
        record = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise Unreadable(f"not readable as JSON ({error})") from error
    if not isinstance(record, dict) or "schema" not in record:
        raise Unreadable("not a record of hpsearch")
    if record["schema"] not in (1, SCHEMA):
        raise Unreadable(f"schema={record['schema']!r}, this version of hpsearch reads schema=1 and {SCHEMA}")
    if record.get("status") not in STATUSES:
        raise Unreadable(f"status={record.get('status')!r} is none of {', '.join(STATUSES)}")
    if not isinstance(record.get("config"), dict) or record.get("key") != key_of(record["config"]):
        raise Unreadable("its key is not that of its configuration")
    return _upgraded(record) if record["schema"] == 1 else record


def _upgraded(record: Record) -> Record:
    """A record of schema 1 as one of schema 2. Its only metric was accuracy, and the last epoch's weights counted."""
    try:
        epoch, samples = len(record["history"]["train_loss"]), sum(record["test_batches"]["total"])
    except (KeyError, TypeError):  # of another shape, which its reader names
        epoch, samples = 0, 0
    return record | {
        "schema": SCHEMA,
        "metric": {"name": ACCURACY.name, "maximize": ACCURACY.maximize, "unit": ACCURACY.unit},
        "target": {"kind": "classification", "name": None, "classes": None},
        "epoch": epoch,
        "test_samples": samples,
    }


def read_record(folder: Path) -> Record | None:
    """The record in a run's folder, or None where there is no valid one."""
    try:
        return load_record(folder)
    except (FileNotFoundError, Unreadable):
        return None


def read_done(folder: Path, key: str) -> Record | None:
    """The record of the run `key`, or None if the run has to be trained: it failed, or has no valid record."""
    record = read_record(folder)
    return record if record is not None and record["key"] == key and record["status"] != "failed" else None
