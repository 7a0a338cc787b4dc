"""A command's claim on the folder of a sweep, so that no two commands train the same runs.

A claim is a file that its process keeps locked. The kernel gives the lock up with the process, however that ends: so a
claim depends neither on the host's name, nor on process ids, nor on a clock. Where files cannot be locked, claims
exclude nobody.

Long, because taking, asking and giving up a claim are read together.
"""

import os
import re
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hpsearch.errors import UsageError, write_errors
from hpsearch.record.file import sweep_up

if sys.platform != "win32":
    import fcntl

FILE = re.compile(r"\.claim-(?P<kind>alone|shared)-(?P<token>.+)")
_held: "list[Claim]" = []  # by this process
_released: set[str] = set()  # tokens of earlier claims of this process


class Claim:
    """The claim of this process on `sweep`, until `release`. token: ``host:process:…``, known to other processes."""

    def __init__(self, sweep: Path, shares: bool) -> None:
        """shares: True for a search, whose trials several commands share. Raises UsageError if another command has the
        folder."""
        self._sweep = sweep.absolute()  # the working directory may change
        host = re.sub(r"[^\w.-]", "_", socket.gethostname())[:64]
        self.token = f"{host}:{os.getpid()}:{secrets.token_hex(4)}"
        self._file = self._sweep / f".claim-{'shared' if shares else 'alone'}-{self.token}"
        with write_errors(sweep):
            self._sweep.mkdir(parents=True, exist_ok=True)
            with locked(self._sweep):
                for file, kind, token in _claims(self._sweep):
                    if not (shares and kind == "shared") and _is_locked(file):
                        raise UsageError([f"{sweep}: {_busy(file, token)}"])
                self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
                _held.append(self)
                if sys.platform != "win32":
                    with suppress(OSError):  # a file system without locks
                        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def release(self) -> None:
        """Give the claim up. The last one of a folder removes what killed processes have left."""
        if self not in _held:
            return
        _released.add(self.token)
        with suppress(OSError), locked(self._sweep):  # a folder that was removed has no claims
            others = [file for file, _, token in _claims(self._sweep) if token != self.token]
            living = [file for file in others if _is_locked(file) is not False]
            for file in {self._file, *others} - {*living}:
                file.unlink(missing_ok=True)
            if not living:
                sweep_up(self._sweep)
        self.close()
        _held.remove(self)

    def abandon(self) -> None:
        """Unlock the claim and leave its file, which tells other processes that this one has ended."""
        if self in _held:
            self.close()
            _held.remove(self)

    def close(self) -> None:
        """Close the file, which unlocks it unless another process has a copy of the descriptor."""
        os.close(self._descriptor)


def release_all() -> None:
    """Release the claims of this process."""
    for claim in list(_held):
        claim.release()


def has_ended(sweep: Path, token: str) -> bool | None:
    """True if the process with this claim has ended, False if it runs; None if the folder does not tell."""
    if token in _released:
        return True
    for file, _, other in _claims(sweep):
        if other == token and (held := _is_locked(file)) is not None:
            return not held
    return None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Inside, no other process is inside for the same folder. Does nothing where folders cannot be locked."""
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing is not enough if a process was forked meanwhile
        os.close(descriptor)


def _claims(sweep: Path) -> list[tuple[Path, str, str]]:
    """Each claim's file, kind and token."""
    try:
        names = sorted(os.listdir(sweep))
    except OSError:
        return []
    found = [match for name in names if (match := FILE.fullmatch(name))]
    return [(sweep / match.string, match["kind"], match["token"]) for match in found]


def _is_locked(file: Path) -> bool | None:
    """True if a process keeps the file locked; None if that cannot be told."""
    if sys.platform == "win32":
        return None
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared, because several may ask at once
    except BlockingIOError:
        return True
    except OSError:
        return None
    else:
        return False
    finally:
        os.close(descriptor)


def _busy(file: Path, token: str) -> str:
    host, process, _ = token.rsplit(":", 2)
    since = time.strftime("%d %b %H:%M", time.localtime(file.stat().st_mtime))
    return (
        f"process {process} on {host} trains this sweep since {since}; "
        "wait for it, end it, or give this command a name of its own: name=…"
    )


def _forget() -> None:
    """Close a forked worker's copies of the descriptors, because they would keep a killed command's claims locked."""
    for claim in _held:
        claim.close()
    _held.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget)
