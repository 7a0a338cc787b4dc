"""Records and their files: the only format that training, search and report share.

A run's record is ``record.json`` in its folder; its presence means "done". A sweep's folder holds one folder a
run, ``<number>_<first 8 characters of the key>``.
"""

import hashlib
import json
import math
import os
import re
import shutil
from pathlib import Path
from typing import Any

SCHEMA = 1
FILE = "record.json"
FOLDER = re.compile(r"(?P<number>\d{3,})_(?P<hash>[0-9a-f]{8})")
METRICS = ("val_accuracy", "val_loss", "train_loss", "test_accuracy", "test_loss")
STATUSES = ("finished", "pruned", "diverged", "failed")

Record = dict[str, Any]


BYTES_OF_A_RUN = 64 * 1024  # its folder with record, log and .hydra; 40 epochs take 30 KiB


def fault_of_folder(folder: Path, runs: int) -> str | None:
    """Why the records of so many runs could not be written below `folder`, as one line, or None."""
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return f"{folder}: cannot be written; set hydra.sweep.dir=… (for one run hydra.run.dir=…) to a folder that can"
    free = shutil.disk_usage(there).free
    if free < runs * BYTES_OF_A_RUN:
        need = runs * BYTES_OF_A_RUN >> 10
        return f"{folder}: {runs} runs need about {need} KiB and {free >> 10} KiB are free; make room"
    return None


def key_of(config: dict[str, Any]) -> str:
    """The key of a run: the hash of its resolved task configuration, seed included."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def flags(hydra: Any) -> list[str]:
    """What a command has before its overrides where its configuration is not hpsearch's own alone."""
    folders = [source["path"] for source in hydra["runtime"]["config_sources"] if source["provider"] == "command-line"]
    name = hydra["job"]["config_name"]
    return [*(f"--config-dir={folder}" for folder in folders), *([f"--config-name={name}"] if name != "config" else [])]


def write(folder: Path, record: Record) -> None:
    """Write a record whole or not at all. Numbers that are not finite become null."""
    part = folder / f".{FILE}.{os.getpid()}"
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump(_finite(record), file, indent=1, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / FILE)
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


class Unreadable(Exception):
    """Why a record cannot be used, as one line."""


def load(folder: Path) -> Record:
    """The record in a run's folder. Raises FileNotFoundError without one, Unreadable for one that is not valid."""
    try:
        record = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise Unreadable(f"not readable as JSON ({error})") from error
    if not isinstance(record, dict) or "schema" not in record:
        raise Unreadable("not a record of hpsearch")
    if record["schema"] != SCHEMA:
        raise Unreadable(f"schema={record['schema']!r}, this version of hpsearch reads schema={SCHEMA}")
    if record.get("status") not in STATUSES:
        raise Unreadable(f"status={record.get('status')!r} is none of {', '.join(STATUSES)}")
    if not isinstance(record.get("config"), dict) or record.get("key") != key_of(record["config"]):
        raise Unreadable("its key is not that of its configuration")
    return record


def read(folder: Path) -> Record | None:
    """The record in a run's folder, or None where there is no valid one."""
    try:
        return load(folder)
    except (FileNotFoundError, Unreadable):
        return None


def read_done(folder: Path, key: str) -> Record | None:
    """The record of the run `key` if it need not be run again; a failed run is tried anew."""
    record = read(folder)
    return record if record is not None and record["key"] == key and record["status"] != "failed" else None


def run_folders(sweep: Path) -> list[str]:
    """The names of the runs' folders in a sweep's folder, by number."""
    return sorted((name for name in os.listdir(sweep) if FOLDER.fullmatch(name)), key=lambda n: (len(n), n))


class Folders:
    """The folders of a sweep: each key has one, found again or newly numbered."""

    def __init__(self, sweep: Path) -> None:
        self._by_hash: dict[str, str] = {}
        self._numbers: set[int] = set()
        for name in os.listdir(sweep) if sweep.is_dir() else ():
            if match := FOLDER.fullmatch(name):
                self._by_hash[match["hash"]] = name
                self._numbers.add(int(match["number"]))

    def name(self, key: str, number: int) -> str:
        """The folder of the run `key`; a new one takes `number`, or the next free one where it is taken."""
        short = key[:8]
        if short not in self._by_hash:
            if number in self._numbers:
                number = max(self._numbers) + 1
            self._numbers.add(number)
            self._by_hash[short] = f"{number:03d}_{short}"
        return self._by_hash[short]
