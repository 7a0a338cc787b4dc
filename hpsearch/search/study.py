"""A study in memory and in a storage: sampler and pruner see the one in memory, the storage is written in bulk.

Other processes may work on the same study: their trials are read before new ones are asked for, and no two processes
get the same point.
"""

import json
import os
import socket
from collections.abc import Sequence
from datetime import datetime
from time import monotonic
from typing import Any

import optuna
from optuna.pruners import BasePruner
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from hpsearch.errors import UsageError
from hpsearch.search.bulk import BulkStorage

POINT = "configuration"  # user attributes of a trial: its overrides; no point is evaluated twice
WORKER = "worker"  # the process that evaluates it
AGAIN = "again"  # why it does not count: its point is evaluated once more
CONFIGURATION = "everything else"  # attribute of a study: the values that are not searched, of a run of it
REPEATS = "repeats"  # the row of the trial that it is evaluated for again
ATTEMPT = "attempt"  # how many times its point had failed before
SECONDS_BETWEEN_LOOKS = 1.0  # at what other processes have done
SECONDS_BETWEEN_SAVES = 2.0  # of the curves of trials in training
ME = f"{socket.gethostname()}:{os.getpid()}"


class MirroredStudy:
    """The study `name` of a storage. `study` is the one in memory: ask, report, prune and tell there.

    On opening, fail trials whose process died, and enqueue their parameters again. Retry failed trials up to
    `retry_failed` times.
    """

    def __init__(
        self,
        storage: BulkStorage,
        name: str,
        directions: Sequence[str],
        metric_names: Sequence[str],
        pruner: BasePruner,
        retry_failed: int = 0,
    ) -> None:
        self.storage = storage
        self.stored = storage.study(name, directions, metric_names)
        self.id = self.stored._study_id
        self.memory = InMemoryStorage()
        self.study = optuna.create_study(
            storage=self.memory, study_name=name, directions=self.stored.directions, pruner=pruner
        )
        self._rows: dict[int, int] = {}  # a trial's id in memory -> its id in the storage
        self._known: dict[int, int] = {}  # and back
        self._elsewhere: set[int] = set()  # ids in memory of trials that another process evaluates
        self._changed: set[int] = set()
        self._looked = self._saved = -1e9
        trials = self.storage.trials(self.id)
        self._mend(trials, retry_failed)
        for trial in trials:
            self._read(trial)
        self._enqueue_again()

    def _mend(self, trials: list[FrozenTrial], retry_failed: int) -> None:
        mended = []
        for trial in trials:
            if trial.state is TrialState.RUNNING and _dead(trial.user_attrs.get(WORKER)):
                trial.state, trial.datetime_complete = TrialState.FAIL, datetime.now()
                trial.user_attrs[AGAIN] = "its process ended"
            elif trial.state is TrialState.FAIL and trial.user_attrs.get(ATTEMPT, retry_failed) < retry_failed:
                trial.user_attrs.setdefault(AGAIN, "failed")
            else:
                continue
            mended.append((trial._trial_id, trial))
        self.storage.save(mended)

    def _enqueue_again(self) -> None:
        trials = self.study.get_trials(deepcopy=False)
        repeated = {trial.user_attrs.get(REPEATS) for trial in trials}
        for trial in trials:
            if AGAIN in trial.user_attrs and self._rows[trial._trial_id] not in repeated:
                self.enqueue_again(trial)

    def enqueue_again(self, trial: FrozenTrial) -> None:
        """Put the point of a trial that does not count into the queue."""
        failed = trial.user_attrs.get(ATTEMPT, 0) + (trial.user_attrs[AGAIN] == "failed")
        self.study.enqueue_trial(trial.params, user_attrs={REPEATS: self._rows[trial._trial_id], ATTEMPT: failed})

    def look(self, now: bool = False) -> None:
        """Read the trials of other processes, at most every second unless `now`."""
        if not now and monotonic() - self._looked < SECONDS_BETWEEN_LOOKS:
            return
        for row, state in self.storage.states(self.id).items():
            if row not in self._known or (self._known[row] in self._elsewhere and state.is_finished()):
                self._read(self.storage.trial(row))
        self._looked = monotonic()

    def _read(self, trial: FrozenTrial) -> None:
        row = trial._trial_id
        if row not in self._known:
            self._pair(self.memory.create_new_trial(self.study._study_id, template_trial=trial), row)
            if not trial.state.is_finished():
                self._elsewhere.add(self._known[row])
        elif self._known[row] in self._elsewhere and trial.state.is_finished():
            known = self._known[row]
            self._elsewhere.discard(known)
            for step, value in trial.intermediate_values.items():
                self.memory.set_trial_intermediate_value(known, step, value)
            for key, attribute in trial.user_attrs.items():
                self.memory.set_trial_user_attr(known, key, attribute)
            self.memory.set_trial_state_values(known, trial.state, trial.values)

    def _pair(self, known: int, row: int) -> None:
        self._rows[known], self._known[row] = row, known

    def begin(self, trials: Sequence[Trial], limit: int) -> list[bool]:
        """Enter new trials into the storage. False for a trial that was not entered, because a live trial has its point
        or because the study has `limit` trials that count; it has failed, in memory only."""
        self.save()  # what has failed is no longer in the way of its own repetition
        frozen = [self.memory.get_trial(trial._trial_id) for trial in trials]
        rows = self.storage.begin(self.id, frozen, claim=POINT, limit=limit, uncounted=AGAIN)
        for trial, row in zip(trials, rows, strict=True):
            if row is None:
                self.study.tell(trial, state=TrialState.FAIL)
            else:
                self._pair(trial._trial_id, row)
        return [row is not None for row in rows]

    def row(self, trial: Trial) -> int:
        """The trial's id in the storage, for a run in another process."""
        return self._rows[trial._trial_id]

    def reread(self, trial: Trial) -> int:
        """Take over the intermediate values that a run in another process has reported; returns their number."""
        stored = self.storage.trial(self.row(trial))
        for step, value in stored.intermediate_values.items():
            self.memory.set_trial_intermediate_value(trial._trial_id, step, value)
        return len(stored.intermediate_values)

    def changed(self, trial: Trial) -> None:
        """Mark a trial to be written by the next `save`."""
        self._changed.add(trial._trial_id)

    def save(self, now: bool = True) -> None:
        """Write the trials that have changed; unless `now`, not more often than every two seconds."""
        if self._changed and (now or monotonic() - self._saved > SECONDS_BETWEEN_SAVES):
            self.storage.save([(self._rows[known], self.memory.get_trial(known)) for known in self._changed])
            self._changed.clear()
            self._saved = monotonic()

    def counted(self) -> list[FrozenTrial]:
        """The trials that count for ``n_trials``, also those that failed."""
        trials = self.study.get_trials(deepcopy=False)
        return [trial for trial in trials if trial._trial_id in self._rows and AGAIN not in trial.user_attrs]

    def remember(self, what: dict[str, Any]) -> None:
        """Keep `what` with the study, for `counted_in`."""
        with self.storage.errors():
            for key in what.keys() - self.stored.user_attrs:
                self.stored.set_user_attr(key, what[key])


def counted_in(storage: BulkStorage, name: str, made_with: dict[str, Any]) -> int:
    """The number of trials that count and have ended in the study `name`. Raises UsageError if the study was made with
    something else."""
    study = storage.find(name)
    if study is None:
        return 0
    with storage.errors():
        kept, now = study.user_attrs, json.loads(json.dumps(made_with))
    if other := _others({key: kept.get(key, now[key]) for key in now}, now):
        raise UsageError([f"the study {name} was made with another {other[0]}; go on with that, or give a new name=…"])
    return sum(trial.state.is_finished() and AGAIN not in trial.user_attrs for trial in storage.trials(study._study_id))


def _others(kept: Any, now: Any, key: str = "") -> list[str]:
    """Each key with another value, and the value that was kept."""
    if isinstance(kept, dict) and isinstance(now, dict):
        inner = key.removeprefix(CONFIGURATION) and f"{key}."
        return [other for name in kept | now for other in _others(kept.get(name), now.get(name), f"{inner}{name}")]
    shown = "; ".join(map(str, kept)) if isinstance(kept, list) else kept
    return [] if kept == now else [f"{key}: {shown}"]


def _dead(worker: object) -> bool:
    """True if the process was one of this machine and has ended. Of other machines nothing is known."""
    host, _, process = str(worker).rpartition(":")
    if host != socket.gethostname() or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return int(process) == os.getpid()  # of an earlier search of this process
