"""What trackers have of a sweep, in its folder ``trackers/``: so a repeated command writes no run twice.

Several commands may share a sweep, so files are only appended to, and whoever writes a run holds a lock.
"""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, BinaryIO, TypeVar

import msgspec

from hpsearch.record.claim import locked

FOLDER = "trackers"
T = TypeVar("T")


class _Sweep(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{16}\Z")]  # it stands in a query


class _Configuration(msgspec.Struct):
    configuration: str


class _Written(msgspec.Struct):
    run: str
    mark: str
    place: str


class _Lines:
    """A file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self._path, self._known = path, 0  # bytes that were read

    def read_new(self, kind: type[T]) -> list[T]:
        """The lines of a kind that were added since the last call. Others are left out, such as the last one of a
        process that was killed."""
        found: list[T] = []
        with suppress(OSError), self._path.open("rb") as file:
            file.seek(self._known)
            lines, end, _ = file.read().rpartition(b"\n")
            self._known += len(lines + end)
            for line in lines.splitlines():
                with suppress(msgspec.DecodeError, UnicodeDecodeError):
                    found.append(msgspec.json.decode(line, type=kind))
        return found

    def append(self, line: msgspec.Struct) -> None:
        """Raises OSError, also for a link of this name."""
        with self._open() as file:
            file.write(json.dumps(msgspec.to_builtins(line)).encode() + b"\n")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Inside, no other process is inside for this file. Raises OSError if it cannot be made."""
        self._path.parent.mkdir(exist_ok=True)
        with self._open() as file, locked(self._path):
            if file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                file.write(b"\n")  # behind the line of a process that was killed
                file.flush()
            yield

    def _open(self) -> BinaryIO:
        """Open the file for reading and for adding to its end; a link of this name is refused."""
        return open(os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o666), "a+b")


class Ledger:
    """The runs of a sweep that a tracker has. place: where it writes, because one may write to several places."""

    def __init__(self, sweep: Path, tracker: str, place: str) -> None:
        self._written, self._place = _Lines(sweep / FOLDER / f"{tracker}.jsonl"), place
        self._ids, self._numbers = _Lines(sweep / FOLDER / "sweep.jsonl"), _Lines(sweep / FOLDER / "sweep.jsonl")
        self._id: str | None = None
        self._configurations: dict[str, int] = {}

    def new_marks(self) -> dict[str, str]:
        """The mark of each run that was written since the last call, by its name."""
        return {line.run: line.mark for line in self._written.read_new(_Written) if line.place == self._place}

    def note(self, run: str, mark: str) -> None:
        """Note that a run was written. Raises OSError."""
        self._written.append(_Written(run, mark, self._place))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Inside, no other process writes to this tracker. Raises OSError."""
        with self._written.alone():
            yield

    def sweep_id(self) -> str:
        """A text that no other sweep has; it stays if the folder moves. Raises OSError."""
        if self._id is None:
            with self._ids.alone():
                if not (found := self._ids.read_new(_Sweep)):
                    found = [_Sweep(secrets.token_hex(8))]
                    self._ids.append(found[0])
            self._id = found[0].id
        return self._id

    def number_of(self, configuration: str) -> int:
        """The number of a configuration, from 0 in the order in which their first runs are written. Raises OSError."""
        if configuration not in self._configurations:
            with self._numbers.alone():
                self._number_new()
                if configuration not in self._configurations:
                    self._numbers.append(_Configuration(configuration))
                    self._number_new()
        return self._configurations[configuration]

    def _number_new(self) -> None:
        for line in self._numbers.read_new(_Configuration):
            self._configurations.setdefault(line.configuration, len(self._configurations))
