"""What a tracker is: it takes one run after the other."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from hpsearch.trackers.options import Options
from hpsearch.trackers.run import TrackedRun


class Tracker(Protocol):
    """A place for the runs of one sweep. Its methods raise any exception if the place fails.

    where: for the user, the place and how to look at it.
    """

    @property
    def where(self) -> str: ...

    def write(self, run: TrackedRun, configuration: int) -> None:
        """Write a run, whole. configuration: the number of its configuration in the sweep.

        A run of the same name that was there before is replaced, or stays as another attempt.
        """

    def close(self) -> None:
        """Return when everything is there."""


def shown(folder: Path) -> str:
    """A folder as a user types it: from the working directory, if it lies below."""
    below = os.path.relpath(folder)
    return str(folder) if below.startswith("..") else below


def open_tracker(name: str, sweep: Path, sweep_id: str, options: Options) -> Tracker:
    """Open a tracker for a sweep. Imports its package, which may take a second. sweep_id: as of the ledger."""
    module: Any = import_module(f"hpsearch.trackers.{name}_tracker")  # each imports its package
    tracker: Tracker = module.open_tracker(sweep, sweep_id, options)
    return tracker
