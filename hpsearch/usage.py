"""Wrong usage: one line for each fault, exit code 2, no traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class UsageError(Exception):
    """Faults in what the user asked for, a line each: key, value, what it must be."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@contextmanager
def exit_on_wrong_usage() -> Iterator[None]:
    """Print the faults of a UsageError and end the process; Hydra would show a traceback."""
    try:
        yield
    except UsageError as error:
        for fault in error.faults:
            print(f"error: {fault}", file=sys.stderr)
        raise SystemExit(2) from None
