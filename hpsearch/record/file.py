"""Files: written whole or not at all, read without following what is no plain file. The record of a run is
``record.json`` in its folder; its presence means "done".
"""

import hashlib
import json
import math
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from hpsearch.record.shape import Record, Unreadable, record_of

FILE = "record.json"
TEMPORARY = re.compile(r"\..+\.\d+-[0-9a-f]{12}\.part")  # unique to a process, also among containers with equal ids


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
    """Write a file whole or not at all. synced: also if the power fails. A link of this name is replaced, not followed.

    What a process that was killed leaves has a name that `is_temporary`.
    """
    part = path.with_name(f".{path.name[:150]}.{os.getpid()}-{secrets.token_hex(6)}.part")
    try:
        with part.open("xb") as file:
            file.write(content)
            if synced:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    finally:
        with suppress(OSError):  # it has its name, or the disk is gone and the first error says so
            part.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text whole or not at all. A character that is none in UTF-8 becomes its escape."""
    write_whole(path, text.encode("utf-8", "backslashreplace"))


def is_temporary(name: str) -> bool:
    """True for the name of a file that `write_whole` has not finished."""
    return TEMPORARY.fullmatch(name) is not None


def sweep_up(folder: Path) -> None:
    """Remove the temporary files in a sweep's folder, its runs' folders and its report.

    Only for a command that has the folder for itself, because another one's files would go, too.
    """
    for parent, folders, files in os.walk(folder):
        depth = len(Path(parent).relative_to(folder).parts)
        folders[:] = folders if depth < 2 else []
        for name in filter(is_temporary, files):
            with suppress(OSError):  # nothing depends on it
                os.unlink(os.path.join(parent, name))


def read_plain(path: Path, longest: int = 2**28) -> bytes:
    """The bytes of a plain file. Raises OSError for any other, such as a pipe, which a reader would wait for."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError("is no plain file")
        if found.st_size > longest:
            raise OSError(f"has {found.st_size >> 20} MiB, which is too much")
        return file.read(found.st_size)


def links_out(folder: Path) -> Iterator[Path]:
    """The symbolic links below a folder that lead out of it. The folder may be a link itself."""
    inside = os.path.realpath(folder)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            if os.path.islink(path) and not Path(os.path.realpath(path)).is_relative_to(inside):
                yield Path(path)


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


def load_record(folder: Path) -> Record:
    """The record in a run's folder. Raises FileNotFoundError without one, Unreadable for one that is not valid."""
    try:
        record = record_of(read_plain(folder / FILE))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(*error.args) from error
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror or error})") from error
    if record["key"] != key_of(record["config"]):
        raise Unreadable("key: is not that of its configuration")
    return record


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
