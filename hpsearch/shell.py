"""How a command begins and ends: streams, garbage collection, one line for an error, an exit code."""

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hpsearch.errors import FaultError, UsageError
from hpsearch.formatting import inert
from hpsearch.passwords import without_passwords


def begin() -> None:
    """Prepare this process for a command.

    Garbage is collected rarely, because the objects of imported modules live as long as the process: collecting among
    them took a tenth of a report's time.
    """
    gc.set_threshold(200_000)
    atexit.register(gc.freeze)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without ± still shows the rest
        mask(stream)


def mask(stream: Any) -> None:
    """Let a stream show no password, whoever writes to it: Hydra, a sweeper, a traceback."""
    if getattr(stream.write, "__name__", "") != "masked":
        write = stream.write

        def masked(text: str) -> int:
            return int(write(without_passwords(text)))

        stream.write = masked


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print each fault as one line and end the process. Exit code 2: wrong usage. Exit code 1: a failure later on."""
    try:
        yield
    except FaultError as error:
        for fault in error.faults:
            print(f"error: {inert(fault)}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, UsageError) else 1) from None
