"""Ctrl-C in a command: the first lets the epoch end and the results be written, the second stops at once."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 130
_enabled = False
_asked = False


def asked() -> bool:
    """True if the user has asked this sweep to stop."""
    return _asked


@contextmanager
def enabled() -> Iterator[None]:
    """Inside, `listening` takes Ctrl-C. A Python session does not enable it: there KeyboardInterrupt stays Python's."""
    global _enabled, _asked
    _enabled, _asked = True, False
    try:
        yield
    finally:
        _enabled = False


@contextmanager
def listening() -> Iterator[None]:
    """Inside, the first Ctrl-C only makes `asked` true; the second is Python's KeyboardInterrupt again."""
    if not _enabled or threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return

    def first(number: int, frame: FrameType | None) -> None:
        global _asked
        _asked = True
        signal.signal(signal.SIGINT, before)
        print("stopping after this epoch; Ctrl-C again stops now", file=sys.stderr, flush=True)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
