"""Errors a user can fix. They are raised where they are found and printed only by the doors.

`UsageError`: wrong usage, found before anything trains. `SweepError`: a failure after training began.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hpsearch.formatting import inert

LONGEST_REASON = 1000  # characters
GOES_ON = "; runs with a record are kept, the same command goes on from there"


class FaultError(Exception):
    """Faults that a user can act on, a line each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join(self.faults)


class UsageError(FaultError):
    """Wrong usage: key, value, what it must be. Nothing has been trained."""


class OutOfRange(UsageError, ValueError):
    """A value out of range. A ValueError too, because Optuna and scikit-learn expect one."""


class SweepError(FaultError):
    """A failure while a sweep trained or wrote its results."""


class NothingStarted(Exception):
    """A command has said all that it was asked for and trains nothing itself: ``plan=true``, ``wait=false``."""


def require(valid: bool, key: str, value: object, must: str) -> None:
    """Raise OutOfRange "key=value: must be …" unless `valid`."""
    if not valid:
        raise OutOfRange([f"{key}={inert(typed(value))}: must be {must}"])


def typed(value: object) -> str:
    """A value as it is typed on the command line: null, true, false."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def reason_of(error: BaseException) -> str:
    """An error as one line of bounded length, with its type."""
    line = message_of(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {line if len(line) <= LONGEST_REASON else f'{line[:LONGEST_REASON]}…'}"


def message_of(error: BaseException) -> str:
    """The text of an error, whose class may be a user's that cannot tell it."""
    try:
        return str(error)
    except Exception as fault:
        return f"its text cannot be made ({type(fault).__name__})"


class Exited(RuntimeError):
    """A part of a run has called `sys.exit`, or raised another exception that must not end the sweep."""


@contextmanager
def no_exit() -> Iterator[None]:
    """Inside, SystemExit becomes Exited."""
    try:
        yield
    except SystemExit as error:
        raise Exited(f"sys.exit({error.code!r}) was called") from error


@contextmanager
def write_errors(folder: Path) -> Iterator[None]:
    """Inside, an OSError becomes a SweepError that names `folder`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise SweepError([f"{folder}: cannot be written ({reason}); make room{GOES_ON}"]) from error


@contextmanager
def after_training_began() -> Iterator[None]:
    """Inside, a UsageError becomes a SweepError, because runs have records already."""
    try:
        yield
    except UsageError as error:
        raise SweepError([f"{fault}{GOES_ON}" for fault in error.faults]) from error
