"""Write the runs of a sweep into a tracker, each once."""

import time
from collections.abc import Sequence
from pathlib import Path

from hpsearch.errors import reason_of
from hpsearch.formatting import inert
from hpsearch.passwords import without_passwords
from hpsearch.record.file import FILE
from hpsearch.record.shape import Unreadable
from hpsearch.trackers.ledger import Ledger
from hpsearch.trackers.options import Options
from hpsearch.trackers.run import mark_of, read
from hpsearch.trackers.tracker import Tracker, open_tracker

LONGEST = 300  # characters of a reason


class TrackerError(Exception):
    """A tracker has failed. The message is one line."""


class Writer:
    """One tracker of one sweep. The tracker is opened when the first run is written.

    written: the number of runs that this object has written. missing: runs without a record. damaged: run -> why its
    record is none. busy: when it began to write the run in hand, by `time.monotonic`; None: it writes none.
    """

    def __init__(self, name: str, sweep: Path, options: Options) -> None:
        self.written, self.missing, self.damaged = 0, set[str](), dict[str, str]()
        self.busy: float | None = None
        self.name, self._sweep, self._options = name, sweep.absolute(), options
        self._ledger = Ledger(self._sweep, name, options.place)
        self._marks: dict[str, str] | None = None  # of the runs that are written, by name; None: not read yet
        self._stamps: dict[str, tuple[int, int]] = {}  # time and size of each record that was looked at
        self._tracker: Tracker | None = None

    @property
    def where(self) -> str:
        """The place, for the user; empty if nothing was written."""
        return self._tracker.where if self._tracker else ""

    def write(self, folders: Sequence[Path]) -> None:
        """Write the runs that have a record and are not written yet. Raises TrackerError."""
        for folder in folders:
            try:
                found = (folder / FILE).stat()
            except OSError:
                self.missing.add(folder.name)
                continue
            self.missing.discard(folder.name)
            stamp = found.st_mtime_ns, found.st_size
            if self._stamps.get(folder.name) != stamp:
                self._guarded(folder)
                self._stamps[folder.name] = stamp

    def close(self) -> None:
        """Return when everything is there. Raises TrackerError."""
        self._guarded(None)

    def _guarded(self, folder: Path | None) -> None:
        """Write a run, or with None close the tracker."""
        self.busy = time.monotonic()
        try:
            if folder is not None:
                self._write(folder)
            elif self._tracker:
                self._tracker.close()
        except Unreadable as error:
            assert folder is not None
            self.damaged[folder.name] = str(error)
        except (Exception, SystemExit) as error:
            raise TrackerError(_line(error)) from error
        finally:
            self.busy = None

    def _write(self, folder: Path) -> None:
        if self._marks is None:
            kept, marks = self._options.kept(self._sweep), self._ledger.new_marks()
            self._marks = {run: mark for run, mark in marks.items() if kept is None or run in kept}
        if self._marks.get(folder.name) == mark_of(folder):
            return
        run = read(folder)
        with self._ledger.alone():
            self._marks |= self._ledger.new_marks()  # another command may have written it meanwhile
            if self._marks.get(run.name) != run.mark:
                if self._tracker is None:
                    self._tracker = open_tracker(self.name, self._sweep, self._ledger.sweep_id(), self._options)
                self._tracker.write(run, self._ledger.number_of(run.key))
                self._ledger.note(run.name, run.mark)
                self._marks[run.name] = run.mark
                self.written += 1


def _line(error: BaseException) -> str:
    """The reason in one line, with the error's type unless it is a text for users."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = text if isinstance(error, OSError) or not isinstance(error, Exception) else reason_of(error)
    return inert(without_passwords(text))[:LONGEST]
