"""Optuna's database, written in bulk: the trials of a round are one transaction.

Optuna's own storage commits every parameter, attribute and intermediate value by itself, some 60 transactions for a
trial of 20 epochs. These are the same rows, made with its models, so that its dashboard, `optuna.load_study` and
`optuna.trial.Trial` read them. Its models are private: a test compares the rows with those of its storage.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy as sql
from optuna.distributions import distribution_to_json
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.storages._rdb.models import (
    StudyModel,
    TrialIntermediateValueModel,
    TrialModel,
    TrialParamModel,
    TrialSystemAttributeModel,
    TrialUserAttributeModel,
    TrialValueModel,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

BUSY_SECONDS = 60  # that a writer waits for another one
BUSY_SECONDS_AT_OPENING = 5


class StorageError(Exception):
    """What is wrong with a storage and how to mend it, as one line without its password."""


def masked(url: str) -> str:
    """The URL with *** for its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except sql.exc.ArgumentError:
        return "***"


class Database:
    """The storage at `url`; its tables are made where there are none. Every method raises StorageError."""

    def __init__(self, url: str) -> None:
        self.url = url
        with self._errors():
            options: dict[str, Any] = {}
            if make_url(url).get_backend_name() == "sqlite":
                options = {"connect_args": {"timeout": BUSY_SECONDS}}
                _prepare_file(make_url(url).database)
            self.storage = RDBStorage(url, engine_kwargs=options)
        self._steps: dict[int, set[int]] = {}  # what a row has; row -> steps
        self._attributes: dict[int, dict[str, Any]] = {}
        self._ended: set[int] = set()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except ImportError as error:
            driver = 'pip install "psycopg[binary]" and begin the URL with postgresql+psycopg://'
            mend = driver if "psycopg" in str(error.__cause__ or error) else "install the package of its driver"
            raise StorageError(f"hydra.sweeper.storage={masked(self.url)}: its driver is missing; {mend}") from error
        except (sql.exc.SQLAlchemyError, StorageInternalError, sqlite3.Error, OSError, RuntimeError) as error:
            cause = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
            reason = str(getattr(cause, "orig", cause)).partition("\n")[0]
            password = _password(self.url)
            reason = reason.replace(password, "***") if password else reason
            raise StorageError(f"hydra.sweeper.storage={masked(self.url)}: cannot be used: {reason}") from error

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with self._errors(), Session(self.storage.engine) as session, session.begin():
            yield session

    def study(self, name: str, directions: Sequence[str], metric_names: Sequence[str]) -> optuna.Study:
        """The study of this name, made where there is none."""
        with self._errors():
            wanted = [StudyDirection[direction.upper()] for direction in directions]
            try:
                study = optuna.create_study(storage=self.storage, study_name=name, directions=wanted)
                study.set_metric_names(list(metric_names))
            except optuna.exceptions.DuplicatedStudyError:
                study = optuna.load_study(storage=self.storage, study_name=name)
            if study.directions != wanted:
                made = ", ".join(direction.name.lower() for direction in study.directions)
                raise StorageError(
                    f"the study {name} was made with another objective, direction={made}; give a new name=…"
                )
            return study

    def begin(
        self, study_id: int, trials: Sequence[FrozenTrial], claim: str, limit: int, uncounted: str
    ) -> list[int | None]:
        """Enter trials; their ids, or None for one that was not entered.

        Not entered is a trial that has the user attribute `claim` in common with one that has not failed, or that
        would be one too many: `limit` is how many trials a study has, without those with an attribute `uncounted`.
        Processes that do this at once wait for each other.
        """
        attribute = TrialUserAttributeModel
        with self._session() as session:
            session.execute(  # changes nothing, but locks: the row, in SQLite the database
                sql.update(StudyModel).where(StudyModel.study_id == study_id).values(study_name=StudyModel.study_name)
            )
            ours = TrialModel.study_id == study_id
            number = session.scalar(sql.select(sql.func.count()).select_from(TrialModel).where(ours)) or 0
            joined = sql.select(attribute.value_json).join(TrialModel, TrialModel.trial_id == attribute.trial_id)
            again = session.scalars(joined.where(ours, attribute.key == uncounted)).all()
            points = [json.dumps(trial.user_attrs[claim]) for trial in trials]
            alive = joined.where(ours, attribute.key == claim, TrialModel.state != TrialState.FAIL)
            taken = set(session.scalars(alive.where(attribute.value_json.in_(points))))
            counted = number - len(again)
            entered: list[TrialModel | None] = []
            for trial, point in zip(trials, points, strict=True):
                if point in taken or counted >= limit:
                    entered.append(None)
                    continue
                taken.add(point)
                model = TrialModel(
                    study_id=study_id, number=number, state=trial.state, datetime_start=trial.datetime_start
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
            _insert(
                session,
                TrialSystemAttributeModel,
                [
                    {"trial_id": row, "key": key, "value_json": json.dumps(value)}
                    for row, trial in both
                    for key, value in trial.system_attrs.items()
                ],
            )
            self._write(session, both)
        return rows

    def save(self, trials: Sequence[tuple[int, FrozenTrial]]) -> None:
        """Write what is new in trials, by their ids: intermediate values, user attributes, values, state."""
        if trials:
            with self._session() as session:
                self._write(session, trials)

    def _write(self, session: Session, trials: Sequence[tuple[int, FrozenTrial]]) -> None:
        steps: list[dict[str, Any]] = []
        attributes: list[dict[str, Any]] = []
        changing: list[dict[str, Any]] = []
        values: list[dict[str, Any]] = []
        for row, trial in trials:
            known = self._steps.setdefault(row, set())
            for step in trial.intermediate_values.keys() - known:
                value, kind = TrialIntermediateValueModel.intermediate_value_to_stored_repr(
                    trial.intermediate_values[step]
                )
                steps.append(
                    {"trial_id": row, "step": step, "intermediate_value": value, "intermediate_value_type": kind}
                )
            known.update(trial.intermediate_values)
            held = self._attributes.setdefault(row, {})
            for key, attribute in trial.user_attrs.items():
                if key not in held or held[key] != attribute:
                    attributes.append({"trial_id": row, "key": key, "value_json": json.dumps(attribute)})
                    if key in held:
                        changing.append(attributes[-1])
            held.update(trial.user_attrs)
            if trial.state.is_finished() and row not in self._ended:
                self._ended.add(row)
                session.get_one(TrialModel, row).state = trial.state
                session.get_one(TrialModel, row).datetime_complete = trial.datetime_complete
                for objective, number in enumerate(trial.values or ()):
                    finite, infinity = TrialValueModel.value_to_stored_repr(number)
                    values.append({"trial_id": row, "objective": objective, "value": finite, "value_type": infinity})
        old = TrialUserAttributeModel
        for changed in changing:
            session.execute(sql.delete(old).where(old.trial_id == changed["trial_id"], old.key == changed["key"]))
        _insert(session, TrialIntermediateValueModel, steps)
        _insert(session, TrialUserAttributeModel, attributes)
        _insert(session, TrialValueModel, values)

    def trials(self, study_id: int) -> list[FrozenTrial]:
        """All trials of a study as they are now."""
        with self._errors():
            trials = self.storage.get_all_trials(study_id)
        for trial in trials:
            self._read(trial)
        return trials

    def trial(self, row: int) -> FrozenTrial:
        """One trial as it is now."""
        with self._errors():
            trial = self.storage.get_trial(row)
        self._read(trial)
        return trial

    def _read(self, trial: FrozenTrial) -> None:
        self._steps[trial._trial_id] = set(trial.intermediate_values)
        self._attributes[trial._trial_id] = dict(trial.user_attrs)
        if trial.state.is_finished():
            self._ended.add(trial._trial_id)

    def states(self, study_id: int) -> dict[int, TrialState]:
        """The state of each trial of a study, by its id: cheap to ask often."""
        with self._session() as session:
            found = session.execute(
                sql.select(TrialModel.trial_id, TrialModel.state).where(TrialModel.study_id == study_id)
            )
            return {trial.trial_id: trial.state for trial in found}

    def close(self) -> None:
        """Give up the connections."""
        self.storage.engine.dispose()


def _insert(session: Session, model: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(sql.insert(model), rows)


def _prepare_file(path: str | None) -> None:
    """Make its folder, see that it can be written now, and let readers not wait for the writer."""
    if path in (None, "", ":memory:"):
        return
    assert path is not None
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS_AT_OPENING, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


def _password(url: str) -> str | None:
    try:
        return make_url(url).password
    except sql.exc.ArgumentError:
        return None
