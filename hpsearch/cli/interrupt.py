"""Ctrl-C in a command: the first lets the epoch end and the results be written, the second stops at once.

A task of a cluster listens to the cluster's signals instead.
"""

import signal
import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 130
_listened: Collection[int] = ()
_received: set[int] = set()


def asked() -> bool:
    """True if the user, or the cluster, has asked this sweep to stop."""
    return bool(_received)


def received() -> Collection[int]:
    """The signals that have asked this sweep to stop."""
    return frozenset(_received)


@contextmanager
def enabled(signals: Collection[int] = (signal.SIGINT,)) -> Iterator[None]:
    """Inside, `listening` takes these signals. A Python session does not enable it: there KeyboardInterrupt stays
    Python's."""
    global _listened
    _listened = signals
    _received.clear()
    try:
        yield
    finally:
        _listened = ()


@contextmanager
def listening() -> Iterator[None]:
    """Inside, a signal only makes `asked` true; the second Ctrl-C is Python's KeyboardInterrupt again."""
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return

    def first(number: int, frame: FrameType | None) -> None:
        _received.add(number)
        again = ""
        if number == signal.SIGINT:
            signal.signal(number, before[number])
            again = "; Ctrl-C again stops now"
        print(f"stopping after this epoch{again}", file=sys.stderr, flush=True)

    before = {number: signal.signal(number, first) for number in _listened}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
