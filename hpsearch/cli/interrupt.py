"""Ctrl-C and SIGTERM in a command: the first lets the epoch end and the results be written, the second stops at once.

A task of a cluster listens to the cluster's signals instead.
"""

import signal
import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import FrameType

from hpsearch.shell import ENDING, Terminated

_listened: Collection[int] = ()
_received: set[int] = set()


def asked() -> bool:
    """True if the user, or the cluster, has asked this sweep to stop."""
    return bool(_received)


def received() -> Collection[int]:
    """The signals that have asked this sweep to stop."""
    return frozenset(_received)


def stop(how_to_go_on: str) -> KeyboardInterrupt:
    """The exception that ends a sweep which was asked to stop."""
    return (Terminated if _received.intersection(ENDING) else KeyboardInterrupt)(how_to_go_on)


@contextmanager
def enabled(signals: Collection[int] = (signal.SIGINT, *ENDING)) -> Iterator[None]:
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
def listening(until: str) -> Iterator[None]:
    """Inside, a signal only makes `asked` true, and the second one acts as outside. until: the end of what is let end,
    for the user. An ignored signal stays ignored."""
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return

    def first(number: int, frame: FrameType | None) -> None:
        _received.add(number)
        signal.signal(number, before[number])
        again = f"; {'Ctrl-C' if number == signal.SIGINT else 'the signal'} again stops now"
        print(f"stopping after {until}{again}", file=sys.stderr, flush=True)

    listened = [number for number in _listened if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, first) for number in listened}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
