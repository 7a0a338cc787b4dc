"""Optuna's database, written in bulk: the trials of a round are one transaction.

Optuna's own storage commits every parameter, attribute and intermediate value by itself, some 60 transactions for a
trial of 20 epochs. These are the same rows, made with its models, so that its dashboard, `optuna.load_study` and
`optuna.trial.Trial` read them. Its models are private: a test compares the rows with those of its storage.
"""

import json
import re
import sqlite3
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy as sql
from optuna.distributions import distribution_to_json
from optuna.exceptions import ExperimentalWarning, StorageInternalError
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
from sqlalchemy.engine import URL, make_url
from sqlalchemy.orm import Session

from hpsearch.usage import UsageError

BUSY_SECONDS = 60  # that a writer waits for another one
BUSY_SECONDS_AT_OPENING = 5
CONNECT_SECONDS = 10  # for a server to answer
TRIES_TO_OPEN = 5  # of processes that make the tables at once, one succeeds
URLS = "sqlite:///<file>, postgresql+psycopg://<user>:<password>@<host>/<database>"
PACKAGES = {"MySQLdb": "mysqlclient"}  # named unlike their modules

ATTRIBUTES = (TrialUserAttributeModel, TrialSystemAttributeModel)
Rows = list[dict[str, Any]]


class StorageError(UsageError):
    """What is wrong with a storage and how to mend it, as one line without its password."""

    def __init__(self, fault: str) -> None:
        super().__init__([fault])


def masked(url: str) -> str:
    """The URL with *** for its password; *** alone for what is no URL."""
    parsed = _parsed(url)
    if parsed is None:
        return "***"
    if not _secrets(parsed):
        return url  # rendering would quote what need not be
    return re.sub(r"(?i)([?&][^=&]*passw[^=&]*=)[^&]*", r"\1***", parsed.render_as_string(hide_password=True))


def _parsed(url: str) -> URL | None:
    """None also where an @ in the password was not written as %40: what follows it would be taken for the host."""
    try:
        parsed = make_url(url)
    except (sql.exc.ArgumentError, ValueError):  # ValueError: a port that is no number
        return None
    return None if "@" in (parsed.host or "") else parsed


def _secrets(parsed: URL) -> list[str]:
    given = [parsed.password, *(value for key, value in parsed.query.items() if "passw" in key.lower())]
    return [secret for secret in given if isinstance(secret, str) and secret]


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


class Database:
    """The storage at `url`; its tables are made where there are none. Every method raises StorageError."""

    def __init__(self, url: str) -> None:
        self.url = url
        if _parsed(url) is None:
            raise StorageError(
                f"hydra.sweeper.storage=***: cannot be used: it is no URL like {URLS} (with %40 for @ in the password)"
            )
        with self.errors(opening=True):
            self.storage = _open(url)
        self._written: dict[int, _Written] = {}  # by trial id

    @contextmanager
    def errors(self, opening: bool = False) -> Iterator[None]:
        """What the storage raises inside becomes StorageError."""
        try:
            yield
        except ImportError as error:
            raise StorageError(
                f"hydra.sweeper.storage={masked(self.url)}: its driver is missing; {self._driver(error)}"
            ) from error
        except (sql.exc.SQLAlchemyError, StorageInternalError, sqlite3.Error, OSError, RuntimeError) as error:
            cause = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
            reason = str(getattr(cause, "orig", cause)).partition("\n")[0]
            reason = reason.replace("$STORAGE_URL", f"'{masked(self.url)}'")  # of Optuna, to upgrade the tables
            for secret in _secrets(make_url(self.url)):
                reason = reason.replace(secret, "***")
            mend = self._mend(reason, cause) if opening else ""
            raise StorageError(f"hydra.sweeper.storage={masked(self.url)}: cannot be used: {reason}{mend}") from error

    def _driver(self, error: ImportError) -> str:
        if make_url(self.url).get_backend_name() == "postgresql":
            return 'pip install "psycopg[binary]" and begin the URL with postgresql+psycopg://'
        module = (error.__cause__.name if isinstance(error.__cause__, ImportError) else error.name) or ""
        return f"pip install {PACKAGES.get(module, module)}" if module else "install the package of its driver"

    def _mend(self, reason: str, cause: BaseException) -> str:
        if isinstance(cause, sql.exc.NoSuchModuleError):
            return f"; give {URLS}"
        if isinstance(cause, RuntimeError):  # the tables of another Optuna: it says itself what to do
            return ""
        if make_url(self.url).get_backend_name() != "sqlite":
            return "; see that the server runs and that host, port, user, password and database are right"
        if "locked" in reason:
            return "; another program is writing to it: end that one, or name another file"
        if "not a database" in reason:
            return "; name another file"
        return "; name a file in a folder that can be written"

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with self.errors(), Session(self.storage.engine) as session, session.begin():
            yield session

    def study(self, name: str, directions: Sequence[str], metric_names: Sequence[str] | None = None) -> optuna.Study:
        """The study of this name, made where there is none. `directions`: minimize or maximize, one per objective.
        Raises StorageError if it was made with others."""
        with self.errors():
            wanted = [StudyDirection[direction.upper()] for direction in directions]
            try:
                study = optuna.create_study(storage=self.storage, study_name=name, directions=wanted)
                if metric_names:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore", ExperimentalWarning)
                        study.set_metric_names(list(metric_names))
            except optuna.exceptions.DuplicatedStudyError:
                study = optuna.load_study(storage=self.storage, study_name=name)
            if study.directions != wanted:
                made = ", ".join(direction.name.lower() for direction in study.directions)
                raise StorageError(f"the study {name} was made with another direction: {made}; give a new name=…")
            return study

    def find(self, name: str) -> optuna.Study | None:
        """The study of this name where there is one."""
        with self.errors():
            try:
                return optuna.load_study(storage=self.storage, study_name=name)
            except KeyError:
                return None

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
            trials = self.storage.get_all_trials(study_id, deepcopy=False)
        self._written.update({trial._trial_id: _Written.of(trial) for trial in trials})
        return trials

    def trial(self, row: int) -> FrozenTrial:
        """One trial as it is now, by its id."""
        with self.errors():
            trial = self.storage.get_trial(row)
        self._written[row] = _Written.of(trial)
        return trial

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


def _open(url: str) -> RDBStorage:
    parsed, options = make_url(url), dict[str, Any]()
    if parsed.get_backend_name() == "sqlite":
        options = {"connect_args": {"timeout": BUSY_SECONDS}}
        _prepare_file(parsed.database)
    else:
        options = {"pool_pre_ping": True}  # a server gives up connections that are idle for long
        if parsed.get_driver_name() in ("psycopg", "psycopg2") and "connect_timeout" not in parsed.query:
            options["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
    for left in reversed(range(TRIES_TO_OPEN)):
        try:
            # braces: Optuna takes the URL for a template; unchecked: a storage that is refused must be closed
            storage = RDBStorage(re.sub(r"([{}])", r"\1\1", url), options, skip_compatibility_check=True)
            break
        except (sql.exc.DBAPIError, StorageInternalError) as error:
            if not left or not re.search(r"already exists|unique|duplicate", f"{error} {error.__cause__}", re.I):
                raise
            time.sleep(0.1)
    try:
        storage._version_manager.check_table_schema_compatibility()
    except BaseException:
        storage.engine.dispose()
        raise
    if parsed.get_backend_name() == "sqlite" and _is_file(parsed.database):
        sql.event.listen(storage.engine, "connect", _do_not_wait_for_the_disk)
        storage.engine.dispose()  # the connections that were made without it
    return storage


def _do_not_wait_for_the_disk(connection: Any, _: Any) -> None:
    """With a write-ahead log, a crash of the machine may cost the last transactions and never the file."""
    connection.execute("PRAGMA synchronous=NORMAL")


def _is_file(path: str | None) -> bool:
    return path not in (None, "", ":memory:") and not str(path).startswith("file:")


def _prepare_file(path: str | None) -> None:
    """Make its folder, see that it can be written now, and let readers not wait for the writer."""
    if path is None or not _is_file(path):
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + BUSY_SECONDS_AT_OPENING
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS_AT_OPENING, isolation_level=None)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")  # is kept with the file
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
                return
            except sqlite3.OperationalError as error:  # changing the journal does not wait for others that change it
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.05)


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
