"""What the user can mend is one line and no traceback: wrong usage, exit code 2; what only goes wrong later, 1."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GOES_ON = "; runs with a record are kept, the same command goes on from there"


class UsageError(Exception):
    """Faults in what the user asked for, a line each: key, value, what it must be."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@contextmanager
def exit_on_wrong_usage(begun: bool = False) -> Iterator[None]:
    """Print the faults of a UsageError and end the process; Hydra would show a traceback. begun: runs have ended."""
    try:
        yield
    except UsageError as error:
        for fault in error.faults:
            print(f"error: {fault}{GOES_ON if begun else ''}", file=sys.stderr)
        raise SystemExit(1 if begun else 2) from None


@contextmanager
def exit_on_write_error(folder: Path) -> Iterator[None]:
    """End the process where `folder` cannot be written."""
    try:
        yield
    except OSError as error:
        print(f"error: {folder}: cannot be written ({error.strerror or error}); make room{GOES_ON}", file=sys.stderr)
        raise SystemExit(1) from None
