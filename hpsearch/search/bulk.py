"""Optuna's database, written in bulk: the trials of a round are one transaction.

Optuna's own storage commits every parameter, attribute and intermediate value by itself, some 60 transactions for a
trial of 20 epochs. These are the same rows, made with its models, so that its dashboard, `optuna.load_study` and
`optuna.trial.Trial` read them. Its models are private: a test compares the rows with those of its storage.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sql
from optuna.distributions import distribution_to_json
from optuna.storages._rdb.models import (
    StudyModel,
    TrialIntermediateValueModel,
    TrialModel,
    TrialParamModel,
    TrialSystemAttributeModel,
    TrialUserAttributeModel,
    TrialValueModel,
)
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.orm import Session

from hpsearch.search.storage import Storage, StorageError, masked

ATTRIBUTES = (TrialUserAttributeModel, TrialSystemAttributeModel)
Rows = list[dict[str, Any]]


@dataclass
class _Written:
    """What the rows of a trial hold: state and times, how many values, its steps, its attributes as JSON."""

    row: tuple[Any, ...] = ()
    values: int = 0
    steps: set[int] = field(default_factory=set)
    attributes: tuple[dict[str, str], ...] = field(default_factory=lambda: ({}, {}))

    @classmethod
    def of(cls, trial: FrozenTrial) -> "_Written":
        attributes = tuple(
            {key: json.dumps(value) for key, value in held.items()} for held in (trial.user_attrs, trial.system_attrs)
        )
        return cls(_row(trial), len(trial.values or ()), set(trial.intermediate_values), attributes)


def _row(trial: FrozenTrial) -> tuple[Any, ...]:
    return trial.state, trial.datetime_start, trial.datetime_complete


class BulkStorage(Storage):
    """A storage whose trials are written in bulk. Every method raises StorageError."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._written: dict[int, _Written] = {}  # by trial id

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with self.errors(), Session(self.rdb.engine) as session, session.begin():
            yield session

    def begin(
        self,
        study_id: int,
        trials: Sequence[FrozenTrial],
        claim: str | None = None,
        limit: int | None = None,
        uncounted: str | None = None,
    ) -> list[int | None]:
        """Enter trials, numbered on from the study's last one; their ids, or None for one that was not entered.

        Not entered is a trial whose user attribute `claim` has the same JSON as that of one that has not failed, of
        this call or in the study, or that would be one too many: `limit` is how many trials a study has, without
        those with an attribute `uncounted`. Processes that do this at once wait for each other.
        """
        attribute = TrialUserAttributeModel
        with self._session() as session:
            lock = sql.update(StudyModel).where(StudyModel.study_id == study_id)
            # changes nothing, but locks, before anything is read: the row, in SQLite the database
            found: Any = session.execute(
                lock.values(study_name=StudyModel.study_name).execution_options(synchronize_session=False)
            )
            if not found.rowcount:
                raise StorageError(f"hydra.sweeper.storage={masked(self.url)}: the study has been deleted; begin anew")
            ours = TrialModel.study_id == study_id
            number = session.scalar(sql.select(sql.func.count()).select_from(TrialModel).where(ours)) or 0
            counted = number
            joined = sql.select(attribute.value_json).join(TrialModel, TrialModel.trial_id == attribute.trial_id)
            if limit is not None and uncounted is not None:
                counted -= len(session.scalars(joined.where(ours, attribute.key == uncounted)).all())
            points: list[str | None] = [None] * len(trials)
            taken: set[str | None] = set()
            if claim is not None:
                points = [json.dumps(trial.user_attrs[claim]) for trial in trials]
                alive = joined.where(ours, attribute.key == claim, TrialModel.state != TrialState.FAIL)
                taken.update(session.scalars(alive.where(attribute.value_json.in_(set(points)))))
            entered: list[TrialModel | None] = []
            for trial, point in zip(trials, points, strict=True):
                if point in taken or (limit is not None and counted >= limit):
                    entered.append(None)
                    continue
                if point is not None and trial.state is not TrialState.FAIL:
                    taken.add(point)
                model = TrialModel(
                    study_id=study_id,
                    number=number,
                    state=trial.state,
                    datetime_start=trial.datetime_start,
                    datetime_complete=trial.datetime_complete,
                )
                session.add(model)
                entered.append(model)
                number, counted = number + 1, counted + 1
            session.flush()
            rows: list[Any] = [None if model is None else model.trial_id for model in entered]
            both = [(row, trial) for row, trial in zip(rows, trials, strict=True) if row is not None]
            _insert(
                session,
                TrialParamModel,
                [
                    {
                        "trial_id": row,
                        "param_name": name,
                        "param_value": trial.distributions[name].to_internal_repr(value),
                        "distribution_json": distribution_to_json(trial.distributions[name]),
                    }
                    for row, trial in both
                    for name, value in trial.params.items()
                ],
            )
            written = _write(session, both, {row: _Written() for row in rows if row is not None})
        self._written.update(written)
        return rows

    def save(self, trials: Sequence[tuple[int, FrozenTrial]]) -> None:
        """Write what is new in trials, by their ids: intermediate values, attributes, values, state and times.

        A step that is there stays as it was, and so do the state and values of a trial that has ended: another process
        may have ended it. Parameters are those of `begin`.
        """
        trials = list(dict(trials).items())
        if not trials:
            return
        for row in [row for row, _ in trials if row not in self._written]:
            self.trial(row)
        with self._session() as session:
            written = _write(session, trials, self._written)
        self._written.update(written)

    def trials(self, study_id: int) -> list[FrozenTrial]:
        """All trials of a study as they are now."""
        with self.errors():
            trials = self.rdb.get_all_trials(study_id, deepcopy=False)
        self._written.update({trial._trial_id: _Written.of(trial) for trial in trials})
        return trials

    def trial(self, row: int) -> FrozenTrial:
        """One trial as it is now, by its id."""
        with self.errors():
            trial = self.rdb.get_trial(row)
        self._written[row] = _Written.of(trial)
        return trial

    def states(self, study_id: int) -> dict[int, TrialState]:
        """The state of each trial of a study, by its id: cheap to ask often."""
        with self._session() as session:
            found = session.execute(
                sql.select(TrialModel.trial_id, TrialModel.state).where(TrialModel.study_id == study_id)
            )
            return {trial.trial_id: trial.state for trial in found}


def _write(
    session: Session, trials: Iterable[tuple[int, FrozenTrial]], before: dict[int, _Written]
) -> dict[int, _Written]:
    """Write what trials have that was not written `before`; what is written once this is committed."""
    steps, values, states = Rows(), Rows(), Rows()
    added, changed = (Rows(), Rows()), (Rows(), Rows())  # as ATTRIBUTES
    written = {}
    for row, trial in trials:
        old, new = before[row], _Written.of(trial)
        if old.row and old.row[0].is_finished():
            new.row, new.values = old.row, old.values
        for step, value in trial.intermediate_values.items():
            if step not in old.steps:
                stored, kind = TrialIntermediateValueModel.intermediate_value_to_stored_repr(value)
                steps.append(
                    {"trial_id": row, "step": step, "intermediate_value": stored, "intermediate_value_type": kind}
                )
        for objective, value in list(enumerate(trial.values or ()))[old.values : new.values]:
            stored, infinity = TrialValueModel.value_to_stored_repr(value)
            values.append({"trial_id": row, "objective": objective, "value": stored, "value_type": infinity})
        for held, now, adds, changes in zip(old.attributes, new.attributes, added, changed, strict=True):
            for key, text in now.items():
                if key not in held:
                    adds.append({"trial_id": row, "key": key, "value_json": text})
                elif held[key] != text:
                    changes.append({"of_trial_id": row, "of_key": key, "value_json": text})
        if old.row and old.row != new.row:  # none: just made, as it is
            state, start, complete = new.row
            utc = TrialModel(datetime_start=start, datetime_complete=complete)
            times = {"datetime_start": utc._datetime_start_utc, "datetime_complete": utc._datetime_complete_utc}
            states.append({"of_trial_id": row, "state": state, **times})
        attributes = tuple({**held, **now} for held, now in zip(old.attributes, new.attributes, strict=True))
        written[row] = _Written(new.row, max(old.values, new.values), old.steps | new.steps, attributes)
    _insert(session, TrialIntermediateValueModel, steps)
    _insert(session, TrialValueModel, values)
    for model, adds, changes in zip(ATTRIBUTES, added, changed, strict=True):
        _insert(session, model, adds)
        _update(session, model, ["trial_id", "key"], changes)
    _update(session, TrialModel, ["trial_id"], states)
    return written


def _insert(session: Session, model: Any, rows: Rows) -> None:
    if rows:
        session.connection().execute(sql.insert(model.__table__), rows)


def _update(session: Session, model: Any, keys: list[str], rows: Rows) -> None:
    """Set columns of the rows whose `keys` are as said under of_<key>."""
    if rows:
        table = model.__table__
        which = [table.c[key] == sql.bindparam(f"of_{key}", type_=table.c[key].type) for key in keys]
        session.connection().execute(sql.update(table).where(*which), rows)
