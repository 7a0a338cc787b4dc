"""Trials written in bulk: all trials of a round are one transaction.

Optuna's methods commit each parameter, attribute and intermediate value alone: some 60 transactions for a trial of 20
epochs. `_Tables` writes the same rows by the names of Optuna's tables, if their schema is the one known here. For any
other schema `_Methods` calls Optuna's methods, which are slower.

Long, because both ways have to give the same.
"""

import json
import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import sqlalchemy as sql
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from hpsearch.search.rows import KEYS, STATE, Row, Rows, rows_of, trial_of, without_pickles
from hpsearch.search.storage import Storage

POINT = "configuration"  # user attribute of a trial: its overrides; no two live trials have the same
AGAIN = "again"  # user attribute of a trial that does not count: why its point is evaluated again
REPEATS = "repeats"  # user attribute of a trial that evaluates a point again: the id of the trial before it

SCHEMA = "v3.2.0.a"  # of Optuna 4.9 and 5.0
MOST_IDS = 1000  # that a statement names
UPDATED = ("trials", "trial_user_attributes", "trial_system_attributes")  # rows of other tables stay as they are


class BulkStorage(Storage):
    """A storage whose trials are written in bulk. Every method raises StorageError."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        with self.errors():
            self._writer = _Tables(self.rdb) if self.schema == SCHEMA else _Methods(self.rdb)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with self.errors():
                yield
        except KeyError as error:  # an id that is not there
            raise self.fault("the study has been deleted; begin anew") from error

    def begin(self, study_id: int, trials: Sequence[FrozenTrial], limit: float = math.inf) -> list[int | None]:
        """Enter new trials. Returns their ids, and None for a trial that was not entered.

        Skips a trial if a live trial has the same POINT, or if the study already has `limit` trials that count (see
        `counting`). Processes that begin trials at once wait for each other. With an unknown schema they don't: they
        may begin the same point twice, and exceed the limit.
        """
        with self._errors():
            return self._writer.begin(study_id, trials, limit)

    def save(self, trials: Mapping[int, FrozenTrial]) -> None:
        """Write the new intermediate values, attributes, values, state and times of trials, by id.

        Skips a trial that has ended in the storage, because another process may have ended it. A step that is in the
        storage stays as it is. With an unknown schema the times are those of writing, and an error may leave some of
        the trials written; the next `save` writes the others.
        """
        with self._errors():
            self._writer.save(trials)

    def end(self, trials: Mapping[int, FrozenTrial]) -> None:
        """Write the end of trials that other processes began. Of several callers at once, the first one writes."""
        with self._errors():
            self._writer.end(trials)

    def trials(self, study_id: int, only: Collection[int] | None = None) -> dict[int, FrozenTrial]:
        """The trials of a study as they are now, by id. only: the ids that are asked for; None for all."""
        with self._errors():
            return self._writer.trials(study_id, only)

    def trial(self, id: int) -> FrozenTrial:
        """One trial as it is now, by its id."""
        with self._errors():
            return self._writer.trial(id)

    def states(self, study_id: int) -> dict[int, TrialState]:
        """The state of each trial of a study, by id. Cheap, so that it can be asked often."""
        with self._errors():
            return self._writer.states(study_id)

    def beat(self, id: int) -> None:
        """Write the heartbeat of a trial."""
        with self._errors():
            self.rdb.record_heartbeat(id)

    def heartbeats(self, study_id: int) -> dict[int, str] | None:
        """The last heartbeat of each running trial that has one, by id; None with an unknown schema."""
        with self._errors():
            return self._writer.heartbeats(study_id)


def counting(trials: Mapping[int, FrozenTrial]) -> dict[int, FrozenTrial]:
    """Select the trials of a study that count, by id: a trial without AGAIN that no other trial REPEATS."""
    again = {trial.user_attrs.get(REPEATS) for trial in trials.values()}
    return {id: t for id, t in trials.items() if id not in again and AGAIN not in t.user_attrs}


def _trials(rdb: RDBStorage, study_id: int) -> dict[int, FrozenTrial]:
    return {trial._trial_id: trial for trial in rdb.get_all_trials(study_id, deepcopy=False)}


def _entering(trials: Sequence[FrozenTrial], live: set[str], again: set[int], number: int, limit: float) -> list[bool]:
    """True for each trial that enters a study with `live` points and `number` trials; those in `again` do not count."""
    entering = []
    for trial in trials:
        point, earlier = trial.user_attrs.get(POINT), trial.user_attrs.get(REPEATS)
        without = again if earlier is None else again | {earlier}
        entering.append(point not in live and number - len(without) < limit)
        if entering[-1]:
            number, again = number + 1, without
            if point is not None and trial.state is not TrialState.FAIL:
                live.add(point)
    return entering


class _Tables:
    """Writes rows by the names of tables and columns."""

    def __init__(self, rdb: RDBStorage) -> None:
        self._storage = rdb
        metadata = sql.MetaData()
        metadata.reflect(rdb.engine, only=["studies", "trials", "trial_heartbeats", *KEYS])
        self._tables = metadata.tables
        self._open: dict[int, Rows] = {}  # by id, the rows in the storage of trials that have not ended

    def begin(self, study_id: int, trials: Sequence[FrozenTrial], limit: float) -> list[int | None]:
        studies, table, attributes = (self._tables[name] for name in ("studies", "trials", "trial_user_attributes"))
        ours, key = table.c.study_id == study_id, attributes.c.key
        points = [json.dumps(trial.user_attrs[POINT]) for trial in trials if POINT in trial.user_attrs]
        same_point = (key == POINT) & attributes.c.value_json.in_(points) & (table.c.state != "FAIL")
        held = sql.select(attributes).join(table, table.c.trial_id == attributes.c.trial_id).where(ours)
        with self._storage.engine.begin() as connection:
            # changes nothing, but locks the row, in SQLite the database, before anything is read
            lock = sql.update(studies).where(studies.c.study_id == study_id).values(study_name=studies.c.study_name)
            if not connection.execute(lock).rowcount:
                raise KeyError(study_id)
            number = connection.scalar(sql.select(sql.func.count()).select_from(table).where(ours)) or 0
            marks = connection.execute(held.where(key.in_([AGAIN, REPEATS]) | same_point)).all()
            again = {mark.trial_id for mark in marks if mark.key == AGAIN}
            again |= {json.loads(mark.value_json) for mark in marks if mark.key == REPEATS}
            live = {json.loads(mark.value_json) for mark in marks if mark.key == POINT}
            entering = _entering(trials, live, again, number, limit)
            rows = [rows_of(trial) for trial, enters in zip(trials, entering, strict=True) if enters]
            new = [{"study_id": study_id, "number": i, **each[STATE]} for i, each in enumerate(rows, start=number)]
            if new:
                connection.execute(sql.insert(table), new)
            entered = sql.select(table.c.trial_id).where(ours, table.c.number >= number).order_by(table.c.number)
            after = dict(zip(connection.scalars(entered), rows, strict=True))
            self._write(connection, {id: {STATE: each[STATE]} for id, each in after.items()}, after)
        self._note(after)
        ids = iter(after)
        return [next(ids) if enters else None for enters in entering]

    def save(self, trials: Mapping[int, FrozenTrial]) -> None:
        after = {
            id: self._open[id] | rows_of(trial)
            for id, trial in trials.items()
            if id in self._open or not self.trial(id).state.is_finished()
        }
        if after:
            with self._storage.engine.begin() as connection:
                self._write(connection, self._open, after)
            self._note(after)

    def end(self, trials: Mapping[int, FrozenTrial]) -> None:
        table = self._tables["trials"]
        before = {id: rows_of(self._storage.get_trial(id)) for id in trials}
        with self._storage.engine.begin() as connection:
            for id in sorted(trials):  # in one order, because callers that lock each other's rows would wait for ever
                rows = rows_of(trials[id])
                unfinished = (table.c.trial_id == id) & table.c.state.in_(["RUNNING", "WAITING"])
                # locks the row: a second caller waits here, and finds a trial that has ended
                if connection.execute(sql.update(table).where(unfinished).values(rows[STATE])).rowcount:
                    self._write(connection, {id: before[id] | {STATE: rows[STATE]}}, {id: rows})

    def _write(self, connection: sql.Connection, before: Mapping[int, Rows], after: Mapping[int, Rows]) -> None:
        """Insert the rows of trials that they did not have before, and update those that differ."""
        inserted, updated = defaultdict[str, list[Row]](list), defaultdict[str, list[Row]](list)
        for id, rows in after.items():
            for (name, key), row in rows.items():
                which = {"trial_id": id} | ({KEYS[name]: key} if name in KEYS else {})
                if (name, key) not in before[id]:
                    inserted[name].append(which | row)
                elif name in UPDATED and before[id][name, key] != row:
                    updated[name].append({f"of_{column}": value for column, value in which.items()} | row)
        for name, new in inserted.items():
            connection.execute(sql.insert(self._tables[name]), new)
        for name, new in updated.items():
            columns = [column for column in self._tables[name].c if f"of_{column.name}" in new[0]]
            same = [column == sql.bindparam(f"of_{column.name}") for column in columns]
            connection.execute(sql.update(self._tables[name]).where(*same), new)

    def _note(self, written: Mapping[int, Rows]) -> None:
        for id, rows in written.items():
            self._open.pop(id, None)
            if not TrialState[rows[STATE]["state"]].is_finished():
                self._open[id] = rows

    def trials(self, study_id: int, only: Collection[int] | None) -> dict[int, FrozenTrial]:
        table = self._tables["trials"]
        asked = table.c.study_id == study_id
        if only is not None and len(only) <= MOST_IDS:
            asked &= table.c.trial_id.in_(only)
        with self._storage.engine.connect() as connection:
            # first, because the rows of a trial that has ended here are those of its end
            heads = connection.execute(sql.select(table).where(asked).order_by(table.c.trial_id)).mappings().all()
            found: dict[int, Rows] = {row["trial_id"]: {STATE: dict(row)} for row in heads}
            studies = self._tables["studies"].c.study_id
            if not heads and connection.scalar(sql.select(studies).where(studies == study_id)) is None:
                raise KeyError(study_id)
            for name, key in KEYS.items():
                rows = self._tables[name]
                joined = sql.select(rows).join(table, table.c.trial_id == rows.c.trial_id).where(asked)
                for row in connection.execute(joined.order_by(*rows.primary_key)).mappings():
                    if row["trial_id"] in found:  # else it is of a trial that has begun since
                        found[row["trial_id"]][name, row[key]] = dict(row)
        wanted = found.keys() if only is None else found.keys() & only
        return {id: trial_of(id, rows[STATE]["number"], rows) for id, rows in found.items() if id in wanted}

    def trial(self, id: int) -> FrozenTrial:
        trial = self._storage.get_trial(id)
        self._note({id: rows_of(trial)})
        return trial

    def states(self, study_id: int) -> dict[int, TrialState]:
        columns = self._tables["trials"].c
        asked = sql.select(columns.trial_id, columns.state).where(columns.study_id == study_id)
        with self._storage.engine.connect() as connection:
            return {row.trial_id: TrialState[row.state] for row in connection.execute(asked)}

    def heartbeats(self, study_id: int) -> dict[int, str] | None:
        trials, beats = self._tables["trials"], self._tables["trial_heartbeats"]
        running = (trials.c.study_id == study_id) & (trials.c.state == "RUNNING")
        asked = sql.select(beats).join(trials, trials.c.trial_id == beats.c.trial_id).where(running)
        with self._storage.engine.connect() as connection:
            return {row.trial_id: str(row.heartbeat) for row in connection.execute(asked)}


class _Methods:
    """Calls Optuna's methods: a transaction for each new trial, and for each new value of a trial."""

    def __init__(self, rdb: RDBStorage) -> None:
        self._storage = rdb

    def begin(self, study_id: int, trials: Sequence[FrozenTrial], limit: float) -> list[int | None]:
        held = _trials(self._storage, study_id)
        alive = [trial.user_attrs for trial in held.values() if trial.state is not TrialState.FAIL]
        live = {attributes[POINT] for attributes in alive if POINT in attributes}
        entering = _entering(trials, live, held.keys() - counting(held), len(held), limit)
        each = zip(trials, entering, strict=True)
        return [self._storage.create_new_trial(study_id, trial) if enters else None for trial, enters in each]

    def save(self, trials: Mapping[int, FrozenTrial]) -> None:
        for id, trial in trials.items():
            with suppress(UpdateFinishedTrialError):  # the trial stays as it has ended
                self._save(id, trial, self._storage.get_trial(id))

    def end(self, trials: Mapping[int, FrozenTrial]) -> None:
        self.save(trials)

    def trials(self, study_id: int, only: Collection[int] | None) -> dict[int, FrozenTrial]:
        return {id: trial for id, trial in _trials(self._storage, study_id).items() if only is None or id in only}

    def _save(self, id: int, trial: FrozenTrial, before: FrozenTrial) -> None:
        for step, value in trial.intermediate_values.items():
            if step not in before.intermediate_values:
                self._storage.set_trial_intermediate_value(id, step, value)
        for key, attribute in trial.user_attrs.items():
            if (key, attribute) not in before.user_attrs.items():
                self._storage.set_trial_user_attr(id, key, attribute)
        for key, attribute in without_pickles(trial.system_attrs).items():
            if (key, attribute) not in before.system_attrs.items():
                self._storage.set_trial_system_attr(id, key, attribute)
        if before.state is not trial.state:
            self._storage.set_trial_state_values(id, trial.state, trial.values)

    def trial(self, id: int) -> FrozenTrial:
        return self._storage.get_trial(id)

    def states(self, study_id: int) -> dict[int, TrialState]:
        return {id: trial.state for id, trial in _trials(self._storage, study_id).items()}

    def heartbeats(self, study_id: int) -> dict[int, str] | None:
        return None
