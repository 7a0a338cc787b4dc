"""How a command begins and ends: streams, garbage collection, one line for an error, an exit code."""

import atexit
import gc
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from hpsearch.errors import FaultError, UsageError, printable, reason_of

FULL_ERROR = (
    "HYDRA_FULL_ERROR"  # environment variable: with 1, a traceback is printed for an error that nobody expected
)


def begin() -> None:
    """Prepare this process for a command.

    Garbage is collected rarely, because the objects of imported modules live as long as the process: collecting among
    them took a tenth of a report's time.
    """
    gc.set_threshold(200_000)
    atexit.register(gc.freeze)
    warnings.formatwarning = _warning_line
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without ± still shows the rest


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print each fault as one line and end the process. Exit code 2: wrong usage. Exit code 1: a failure later on.

    An exception that is no fault of the user's is a line, too, with its place in the program.
    """
    try:
        yield
    except FaultError as error:
        for fault in error.faults:
            print(f"error: {printable(fault)}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, UsageError) else 1) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"error: {error.filename or 'the output'}: {error.strerror or printable(str(error))}", file=sys.stderr)
        raise SystemExit(1) from None
    except Exception as error:
        if os.environ.get(FULL_ERROR) == "1":
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(last.filename)}:{last.lineno}"
        reason = printable(reason_of(error))
        print(f"error: {reason} ({place}); {FULL_ERROR}=1 shows the traceback", file=sys.stderr)
        raise SystemExit(1) from None


def _warning_line(message: Warning | str, *details: object, **more: object) -> str:
    return f"warning: {printable(' '.join(str(message).split()))}\n"
