"""The output of a command: it shows no password, and training outlives its end."""

import io
import os
import sys
from contextlib import suppress
from typing import Any

from hpsearch.passwords import without_passwords

CLEAR = "\r\x1b[2K"  # the line of the cursor
_shown = False  # True while a transient line is on the terminal


def mask(stream: Any) -> None:
    """Let a stream show no password, whoever writes to it: Hydra, a sweeper, a traceback."""
    if getattr(stream.write, "__name__", "") != "masked":
        write = stream.write

        def masked(text: str) -> int:
            return int(write(without_passwords(text)))

        stream.write = masked


def transient(text: str) -> None:
    """Show on a terminal what the command does, until the next output takes its place."""
    global _shown
    if isinstance(sys.stdout, LastingStream) and sys.stdout.isatty():
        sys.stdout.write(f"{text} …")
        sys.stdout.flush()
        _shown = True


class LastingStream(io.TextIOWrapper):
    """A stream that training outlives: a pipe or a terminal that was closed, or a full disk, swallows the rest.

    lost: the first error. A terminal without ± still shows the other characters.
    """

    def __init__(self, stream: io.TextIOWrapper) -> None:
        buffer, encoding, line_buffering = stream.buffer, stream.encoding, stream.line_buffering
        super().__init__(buffer, encoding, "replace", line_buffering=line_buffering, write_through=stream.write_through)
        self.lost: OSError | None = None
        self._replaced = stream  # kept, because it would close the buffer

    def write(self, text: str) -> int:
        global _shown
        clear, _shown = CLEAR if _shown else "", False
        try:
            return super().write(clear + text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        if self.lost is None:
            self.lost = error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
        with suppress(OSError):
            super().flush()
