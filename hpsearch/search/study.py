"""A study twice: in memory, for sampler and pruner, and in a storage, written in bulk.

Other processes may work on the same study. Their trials are read before new ones begin, and no two processes evaluate
the same point.

Long, because both places change together.
"""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Any

import optuna
from optuna.pruners import BasePruner
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from hpsearch.errors import UsageError
from hpsearch.search.bulk import AGAIN, REPEATS, BulkStorage, counting
from hpsearch.search.owners import Owners
from hpsearch.search.rows import without_pickles

ATTEMPT = "attempt"  # user attribute of a trial: how many times its point had failed before
CONFIGURATION = "everything else"  # user attribute of a study: the values of a run that are not searched
SECONDS_BETWEEN_LOOKS = 1.0  # at the trials of other processes
SECONDS_BETWEEN_SAVES = 2.0  # of the curves of trials in training


class MirroredStudy:
    """The study `name` of a storage. `study` is the one in memory: ask, report, prune and tell there.

    Trials whose process has ended are failed, and their points evaluated again. Failed trials are retried up to
    `retry_failed` times.
    """

    def __init__(
        self,
        storage: BulkStorage,
        name: str,
        directions: Sequence[str],
        metric_names: Sequence[str],
        pruner: BasePruner,
        owners: Owners,
        retry_failed: int = 0,
    ) -> None:
        self.storage, self.owners = storage, owners
        self.stored = storage.study(name, directions, metric_names)
        self.id = storage.study_id(name)
        self.memory = InMemoryStorage()
        self.study = optuna.create_study(
            storage=self.memory, study_name=name, directions=self.stored.directions, pruner=pruner
        )
        self._ids: dict[int, int] = {}  # a trial's number in memory -> its id in the storage
        self._elsewhere: dict[int, int] = {}  # id in the storage -> id in memory, of trials of other processes
        self._changed: set[int] = set()  # numbers in memory
        self._looked = self._saved = -1e9
        trials = storage.trials(self.id)
        self._fail_abandoned(trials)
        for trial in trials.values():
            if trial.state is TrialState.FAIL and trial.user_attrs.get(ATTEMPT, retry_failed) < retry_failed:
                trial.user_attrs.setdefault(AGAIN, "failed")  # in memory: a trial that has ended is not written
        for id, trial in trials.items():
            self._add(id, trial)
        retried = {trial.user_attrs.get(REPEATS) for trial in trials.values()}
        for trial in self.study.get_trials(deepcopy=False):
            if AGAIN in trial.user_attrs and self._ids[trial.number] not in retried:
                self.enqueue_again(trial)

    def _fail_abandoned(self, trials: Mapping[int, FrozenTrial]) -> set[int]:
        """Fail the trials, by id, whose process has ended. Returns their ids."""
        ids = self.owners.abandoned(trials, partial(self.storage.heartbeats, self.id))
        for id in ids:
            trials[id].state, trials[id].datetime_complete = TrialState.FAIL, datetime.now()
            trials[id].user_attrs[AGAIN] = "its process ended"
        self.storage.end({id: trials[id] for id in ids})
        return ids

    def _add(self, id: int, trial: FrozenTrial) -> None:
        trial.system_attrs = without_pickles(trial.system_attrs)
        known = self.memory.create_new_trial(self.memory.get_study_id_from_name(self.study.study_name), trial)
        self._ids[self.memory.get_trial_number_from_id(known)] = id
        if not trial.state.is_finished():
            self._elsewhere[id] = known

    def enqueue_again(self, trial: FrozenTrial) -> None:
        """Put the point of a trial that does not count into the queue."""
        failed = trial.user_attrs.get(ATTEMPT, 0) + (trial.user_attrs[AGAIN] == "failed")
        self.study.enqueue_trial(trial.params, user_attrs={REPEATS: self._ids[trial.number], ATTEMPT: failed})

    def look(self) -> None:
        """Read the trials of other processes, at most every second. Points of processes that have ended go into the
        queue."""
        if monotonic() - self._looked < SECONDS_BETWEEN_LOOKS:
            return
        known = {*self._ids.values()}
        states = self.storage.states(self.id)
        ended = {id for id, state in states.items() if id in self._elsewhere and state.is_finished()}
        changed = (states.keys() - known) | ended
        for id, trial in (self.storage.trials(self.id, changed) if changed else {}).items():
            if id in ended:
                self._end(self._elsewhere.pop(id), trial)
            else:
                self._add(id, trial)
        abandoned = self._fail_abandoned(self._running_elsewhere())
        for id, trial in (self.storage.trials(self.id, abandoned) if abandoned else {}).items():
            copy = self._elsewhere.pop(id)
            self._end(copy, trial)
            if AGAIN in trial.user_attrs:  # else its process has ended it, after all
                self.enqueue_again(self.memory.get_trial(copy))
        self._looked = monotonic()

    def _running_elsewhere(self) -> dict[int, FrozenTrial]:
        """Copies of the running trials of other processes, by id."""
        return {id: deepcopy(self.memory.get_trial(known)) for id, known in self._elsewhere.items()}

    def doubtful(self) -> list[str]:
        """The other processes of which it is not known yet whether they still evaluate their trials."""
        return self.owners.doubtful(self._running_elsewhere())

    def beat(self) -> None:
        """Write the heartbeat of this process."""
        running = self.study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
        mine = [self._ids[trial.number] for trial in running if trial.number in self._ids]
        if mine := [id for id in mine if id not in self._elsewhere]:
            self.storage.beat(mine[0])

    def _end(self, known: int, trial: FrozenTrial) -> None:
        for step, value in trial.intermediate_values.items():
            self.memory.set_trial_intermediate_value(known, step, value)
        for key, attribute in trial.user_attrs.items():
            self.memory.set_trial_user_attr(known, key, attribute)
        self.memory.set_trial_state_values(known, trial.state, trial.values)

    def begin(self, trials: Sequence[Trial], limit: int) -> list[bool]:
        """Enter new trials into the storage. False for a trial that was not entered, because a live trial has its point
        or because the study has `limit` trials that count; it has failed, in memory only."""
        self.save()  # a failed trial must not be in the way of its own repetition
        frozen = self.study.get_trials(deepcopy=False)
        ids = self.storage.begin(self.id, [frozen[trial.number] for trial in trials], limit)
        for trial, id in zip(trials, ids, strict=True):
            if id is None:
                self.study.tell(trial, state=TrialState.FAIL)
            else:
                self._ids[trial.number] = id
        return [id is not None for id in ids]

    def row(self, trial: Trial) -> int:
        """The trial's id in the storage, for a run in another process."""
        return self._ids[trial.number]

    def reread(self, trial: Trial) -> int:
        """Take over the intermediate values that a run in another process has reported. Returns their number."""
        stored = self.storage.trial(self.row(trial))
        for step, value in stored.intermediate_values.items():
            trial.report(value, step)
        return len(stored.intermediate_values)

    def changed(self, trial: Trial) -> None:
        """Mark a trial to be written by the next `save`."""
        self._changed.add(trial.number)

    def save(self, now: bool = True) -> None:
        """Write the trials that have changed; unless `now`, not more often than every two seconds."""
        if self._changed and (now or monotonic() - self._saved > SECONDS_BETWEEN_SAVES):
            trials = self.study.get_trials(deepcopy=False)
            self.storage.save({self._ids[number]: trials[number] for number in self._changed})
            self._changed.clear()
            self._saved = monotonic()

    @property
    def saved(self) -> bool:
        """True if the storage has all changes."""
        return not self._changed

    def counted(self) -> list[FrozenTrial]:
        """The trials that count for ``n_trials``, also those that failed."""
        trials = self.study.get_trials(deepcopy=False)
        return list(counting({self._ids[t.number]: t for t in trials if t.number in self._ids}).values())

    def remember(self, what: dict[str, Any]) -> None:
        """Keep `what` with the study, for `counted_in`."""
        with self.storage.errors():
            for key in what.keys() - self.stored.user_attrs:
                self.stored.set_user_attr(key, what[key])


def counted_in(storage: BulkStorage, name: str, made_with: dict[str, Any]) -> int:
    """The number of trials in the study `name` that count and have ended.

    Raises UsageError if the study was made with something else.
    """
    study = storage.find(name)
    if study is None:
        return 0
    with storage.errors():
        kept, now = study.user_attrs, json.loads(json.dumps(made_with))
    if other := _others({key: kept.get(key, now[key]) for key in now}, now):
        raise UsageError([f"the study {name} was made with another {other[0]}; go on with that, or give a new name=…"])
    return sum(trial.state.is_finished() for trial in counting(storage.trials(storage.study_id(name))).values())


def _others(kept: Any, now: Any, key: str = "") -> list[str]:
    """Each key with another value, and the value that was kept."""
    if isinstance(kept, dict) and isinstance(now, dict):
        inner = key.removeprefix(CONFIGURATION) and f"{key}."
        return [other for name in kept | now for other in _others(kept.get(name), now.get(name), f"{inner}{name}")]
    shown = "; ".join(map(str, kept)) if isinstance(kept, list) else kept
    return [] if kept == now else [f"{key}: {shown}"]
