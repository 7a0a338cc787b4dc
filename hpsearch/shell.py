"""How a command begins and ends: signals, garbage collection, one line for an error, an exit code.

Long, because each way to end has its reason.
"""

import atexit
import errno
import gc
import io
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from hpsearch.errors import FaultError, UsageError, reason_of
from hpsearch.formatting import inert
from hpsearch.streams import LastingStream, mask

FULL_ERROR = "HYDRA_FULL_ERROR"  # environment variable: with 1, an error that nobody expected has its traceback
GOES_ON = "interrupted; the same command goes on from there"
INTERRUPTED, TERMINATED = 130, 143
ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # no SIGHUP on Windows
LATER = [signal.SIGUSR2] if hasattr(signal, "SIGUSR2") else []  # a cluster's, some time before its end


class Interrupted(KeyboardInterrupt):
    """Ctrl-C. A class of its own: if a KeyboardInterrupt has left an `exec`, as of a dataclass, Python ends by SIGINT
    in place of the exit code."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, or the terminal was closed."""


@contextmanager
def door(goes_on: str = GOES_ON, lasts: bool = True) -> Iterator[None]:
    """A command, from its first to its last line. goes_on: the line after Ctrl-C or SIGTERM. lasts: False for a command
    that is of no use without a reader.

    Ends the process: with exit code 2 for wrong usage, 1 for a failure later on, also if the output could not be
    printed, 130 after Ctrl-C, 143 after SIGTERM or SIGHUP.
    """
    _begin(lasts)
    code = 0
    try:
        with _signals_raise() as received, one_line_errors():
            try:
                yield
            except Exception as error:
                if received:  # in the middle of a library, which has made another error of it
                    raise _interrupt(received[-1]) from error
                raise
    except KeyboardInterrupt as stop:
        if line := str(stop) or goes_on:
            print(line, file=sys.stderr)
        code = TERMINATED if isinstance(stop, Terminated) else INTERRUPTED
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    leave_signals((signal.SIGINT, *ENDING))  # the command has done all that it does
    if multiprocessing := sys.modules.get("multiprocessing"):
        for child in multiprocessing.active_children():  # after an interrupt in the middle of training
            try:
                child.kill()
            except AttributeError:  # one of joblib's, which can only be asked
                child.terminate()
    with suppress(OSError):
        sys.stdout.flush()
    lost = getattr(sys.stdout, "lost", None)
    if lost is not None and lost.errno != errno.EPIPE:  # a reader like head has seen enough
        print(f"error: the output could not be printed ({lost.strerror}); the files are written", file=sys.stderr)
    if code or lost:
        raise SystemExit(code or 1)


def _begin(lasts: bool) -> None:
    """Prepare this process.

    Garbage is collected rarely, because the objects of imported modules live as long as the process: collecting among
    them took a tenth of a report's time.
    """
    gc.set_threshold(200_000)
    atexit.register(gc.freeze)
    warnings.formatwarning = _warning_line
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if lasts and stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, LastingStream(stream))
        else:
            stream.reconfigure(errors="replace")
        mask(getattr(sys, name))


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print each fault as one line and end the process. Exit code 2: wrong usage. Exit code 1: a failure later on.

    An exception that is no fault of the user's is a line, too, with its place in the program.
    """
    try:
        yield
    except FaultError as error:
        for fault in error.faults:
            print(f"error: {inert(fault)}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, UsageError) else 1) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"error: {error.filename or 'the output'}: {error.strerror or inert(str(error))}", file=sys.stderr)
        raise SystemExit(1) from None
    except Exception as error:
        if os.environ.get(FULL_ERROR) == "1":
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(last.filename)}:{last.lineno}"
        reason = inert(reason_of(error))
        print(f"error: {reason} ({place}); {FULL_ERROR}=1 shows the traceback", file=sys.stderr)
        raise SystemExit(1) from None


def _warning_line(message: Warning | str, *details: object, **more: object) -> str:
    return f"warning: {inert(' '.join(str(message).split()))}\n"


@contextmanager
def _signals_raise() -> Iterator[list[int]]:
    """Inside, Ctrl-C, SIGTERM and SIGHUP raise, and are listed. One that is ignored, as by nohup, stays ignored."""
    received: list[int] = []

    def act(number: int, frame: FrameType | None) -> NoReturn:
        received.append(number)
        raise _interrupt(number)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, *ENDING):
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, act)
    yield received


def leave_signals(numbers: Iterable[int]) -> None:
    """Let signals do nothing in this process. By a handler, because children would inherit an ignored signal."""
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            signal.signal(number, _left)


def _left(number: int, frame: FrameType | None) -> None:
    pass


def _act_as_usual() -> None:
    """Take our handlers from a child that was forked, as `exec` does: it may be a user's, who ends it by SIGTERM."""
    for number in (signal.SIGINT, *ENDING, *LATER):
        if str(getattr(signal.getsignal(number), "__module__", "")).startswith("hpsearch."):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_act_as_usual)


def _interrupt(number: int) -> KeyboardInterrupt:
    return Terminated() if number in ENDING else Interrupted()
