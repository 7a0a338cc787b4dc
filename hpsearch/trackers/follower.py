"""Write the runs of a sweep into a tracker while the sweep runs, in a thread of the command.

It looks for new records, so it does not matter which process, node or launcher has written them. A tracker that fails
or hangs costs a line, and never a run.

Nothing is written before the first run has ended, because workers are forked until then: a lock that this thread has at
that moment, as of an import, would stay locked in them.
"""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hpsearch.formatting import count
from hpsearch.record.file import FILE
from hpsearch.trackers.writer import TrackerError, Writer

SECONDS_BETWEEN_LOOKS = 1.0  # at least
SHARE = 0.02  # of the time, at most, for looks that find nothing new
PATIENCE = 30.0  # seconds for one run; a tracker that takes longer hangs


class Follower:
    """The thread of a writer. Each tracker has its own, because one may hang.

    folders: gives the folders of the runs there are. again: the command that writes what is missing.
    """

    def __init__(self, writer: Writer, folders: Callable[[], Sequence[Path]], again: str) -> None:
        self._writer, self._folders, self._again = writer, folders, again
        self._over, self._last_look, self._failed = threading.Event(), True, False
        self._thread = threading.Thread(target=self._follow, name=f"tracker {writer.name}", daemon=True)
        self._thread.start()

    def finish(self, last_look: bool = True) -> str | None:
        """Wait until all runs are written, or the tracker hangs; returns a line for the user.

        last_look: False if no run has ended that was not looked at.
        """
        self._last_look = last_look
        self._over.set()
        while self._thread.is_alive():
            self._thread.join(0.05)
            since = self._writer.busy
            if since is not None and time.monotonic() - since > PATIENCE:
                self._fail(f"no answer for {PATIENCE:.0f} s")
                break
        written = self._writer.written
        return f"tracker={self._writer.name}: {count(written, 'run')} in {self._writer.where}" if written else None

    def _follow(self) -> None:
        wait, started = SECONDS_BETWEEN_LOOKS, time.time()
        try:
            while not self._over.wait(wait):
                began, before = time.monotonic(), self._writer.written
                folders = self._folders()
                if before or any(_is_newer(folder / FILE, started) for folder in folders):
                    self._writer.write(folders)
                if self._writer.written == before:
                    wait = max(SECONDS_BETWEEN_LOOKS, (time.monotonic() - began) / SHARE)
            if self._last_look:
                self._writer.write(self._folders())
            self._writer.close()
        except TrackerError as error:
            self._fail(str(error))

    def _fail(self, reason: str) -> None:
        if not self._failed:
            self._failed = True
            line = f"warning: tracker={self._writer.name}: {reason}; the runs are kept, {self._again} writes them later"
            print(line, file=sys.stderr, flush=True)


def _is_newer(record: Path, than: float) -> bool:
    try:
        return record.stat().st_mtime > than - SECONDS_BETWEEN_LOOKS  # clocks of file systems differ
    except OSError:
        return False
