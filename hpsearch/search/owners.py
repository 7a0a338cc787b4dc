"""The processes that evaluate the trials of a study, and which of them have ended.

The claim of a process on the sweep's folder tells at once. A process that works in another folder, perhaps on another
machine, is known by the heartbeat that it writes into the storage: it has ended if that stood still for `LEASE_SECONDS`
of this process's clock, because no two machines have the same time.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from optuna.trial import FrozenTrial, TrialState

from hpsearch.errors import UsageError
from hpsearch.record import claim

WORKER = "worker"  # user attribute of a trial: the claim of the process that evaluates it
LEASE_SECONDS = 60.0
BEAT_SECONDS = 5.0

Beats = Mapping[int, str]  # trial id -> the time of its last heartbeat


class Owners:
    """Tells which owners of trials have ended. me: the claim of this process."""

    def __init__(self, sweep: Path, me: str, ended: Collection[str] = ()) -> None:
        """ended: claims of processes that are known to have ended."""
        self._sweep, self.me, self._ended = sweep, me, ended
        self._seen: dict[str, _Seen] = {}

    def abandoned(self, trials: Mapping[int, FrozenTrial], beats: Callable[[], Beats | None]) -> set[int]:
        """The trials, by id, that run and whose owner has ended. beats: reads the heartbeats; None if it cannot."""
        found: set[int] = set()
        for owner, ids in _running(trials).items():
            if owner in self._ended or (owner != self.me and self._has_ended(owner, ids, beats)):
                found.update(ids)
        return found

    def _has_ended(self, owner: str, ids: list[int], beats: Callable[[], Beats | None]) -> bool:
        ended = claim.has_ended(self._sweep, owner)
        if ended is not None:
            return ended
        times = beats()
        if times is None:
            return False
        beat = [(id, times.get(id)) for id in sorted(ids)]
        seen = self._seen.setdefault(owner, _Seen(beat, monotonic()))
        if seen.beat != beat:
            self._seen[owner] = seen = _Seen(beat, monotonic(), lives=True)
        return monotonic() - seen.since > LEASE_SECONDS

    def doubtful(self, trials: Mapping[int, FrozenTrial]) -> list[str]:
        """The owners of running trials that may have ended, because no heartbeat of theirs has been seen yet."""
        return [owner for owner in _running(trials) if owner in self._seen and not self._seen[owner].lives]


@dataclass(frozen=True)
class _Seen:
    """The heartbeats of an owner's trials, and since when they are the same. lives: True if they have changed."""

    beat: list[tuple[int, str | None]]
    since: float
    lives: bool = False


def _running(trials: Mapping[int, FrozenTrial]) -> dict[str, list[int]]:
    """The running trials of hpsearch, by owner."""
    found: dict[str, list[int]] = {}
    for id, trial in trials.items():
        if trial.state is TrialState.RUNNING and isinstance(owner := trial.user_attrs.get(WORKER), str):
            found.setdefault(owner, []).append(id)
    return found


class Heartbeat:
    """Writes the heartbeat of one of this process's trials, which stands for all of them, until `stop`."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self._beat, self._stopped = beat, threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            with suppress(UsageError):  # the next save tells
                self._beat()

    def stop(self) -> None:
        """Wait for the last beat."""
        self._stopped.set()
        self._thread.join()
