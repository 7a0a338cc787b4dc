"""Garbage is collected rarely: among a million objects of imported modules, which live as long as the process."""

import atexit
import gc


def rarely() -> None:
    """For a program's start: a tenth of a report's time was collection, and a second at the end of a sweep's."""
    gc.set_threshold(200_000)
    atexit.register(gc.freeze)
