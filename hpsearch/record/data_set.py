"""The names of data sets in tables and figures."""

from collections.abc import Sequence
from pathlib import Path

from hpsearch.record.scripts import SCRIPT, is_script
from hpsearch.record.shape import Record


def names_of(records: Sequence[Record]) -> list[str]:
    """The name of each record's data set. A file has its own name, and a later one of that name a fingerprint, too."""
    found: dict[str, str] = {}  # by fingerprint, or by name for a data set that is no file
    for record in records:
        path = path_of(record)
        name = Path(path).name if path else _name_of(record)
        mark = mark_of(record)
        if mark not in found:
            found[mark] = name if name not in found.values() else f"{name}-{mark[:6]}"
    return [found[mark_of(record)] for record in records]


def _name_of(record: Record) -> str:
    config = record["config"]
    return str(config[SCRIPT if is_script(config) else "data"]["name"])


def mark_of(record: Record) -> str:
    """A text that is equal for records whose numbers are compared: of one file, of one data set that is no file, or of
    one script."""
    config = record["config"]
    return _name_of(record) if is_script(config) else str(config["data"].get("fingerprint", _name_of(record)))


def path_of(record: Record) -> str | None:
    """The path of the file that was typed, if the data set is one."""
    if is_script(record["config"]) or "fingerprint" not in record["config"]["data"]:
        return None
    paths = [line.partition("=")[2] for line in record["overrides"] if line.startswith("data.path=")]
    return paths[-1].strip("'\"") if paths else None
