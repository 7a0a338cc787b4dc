import math
import multiprocessing
import os
import sqlite3
import time
import warnings
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import optuna
import pytest
import sqlalchemy as sql
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import NopPruner, ThresholdPruner
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from hpsearch.record.claim import Claim
from hpsearch.search import bulk
from hpsearch.search.bulk import AGAIN, POINT, REPEATS, BulkStorage, counting
from hpsearch.search.owners import WORKER, Owners
from hpsearch.search.storage import StorageError, masked
from hpsearch.search.study import ATTEMPT, MirroredStudy, counted_in
from tests.postgres import cluster, programs

ME, OTHER = "here:1:a", "node7:1:a"  # claims
NOW = datetime(2026, 3, 14, 12, 0, 0, 123456)
WITHIN: dict[str, BaseDistribution] = {
    "lr": FloatDistribution(1e-4, 1.0, log=True),
    "momentum": FloatDistribution(0.0, 0.9, step=0.1),
    "layers": IntDistribution(1, 64, log=True),
    "batch": IntDistribution(16, 64, step=16),
    "init": CategoricalDistribution(["a", "b", 1, 2.5, True, None]),
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


UNKNOWN = "a schema of the future"  # none of ours


@pytest.fixture(params=["tables", "methods"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The way of writing: into Optuna's tables, or by its methods as if the tables had an unknown schema."""
    if request.param == "methods":
        monkeypatch.setattr(bulk, "SCHEMA", UNKNOWN)
    return str(request.param)


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[BulkStorage]:
    """A storage that is written into tables."""
    opened = BulkStorage(f"sqlite:///{tmp_path / 'new folder' / 'a.db'}")
    yield opened
    opened.close()


@pytest.fixture
def database(way: str, quick: BulkStorage) -> BulkStorage:
    """A storage that is written in either way."""
    assert type(quick._writer).__name__ == {"tables": "_Tables", "methods": "_Methods"}[way]
    return quick


def running(**attributes: Any) -> FrozenTrial:
    return made(TrialState.RUNNING, user_attrs=attributes)


def made(state: TrialState, values: list[float] | None = None, **given: Any) -> FrozenTrial:
    return FrozenTrial(
        **{"params": {}, "distributions": {}, "user_attrs": {}, "system_attrs": {}, "intermediate_values": {}, **given},
        number=-1,
        trial_id=-1,
        state=state,
        value=None,
        values=values,
        datetime_start=None if state is TrialState.WAITING else NOW,
        datetime_complete=NOW + timedelta(seconds=1) if state.is_finished() else None,
    )


ATTRIBUTES = st.dictionaries(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_subnormal=False)
        | st.text(max_size=5),
        st.lists,
    ),
    max_size=3,
)


@st.composite
def trials(draw: st.DrawFn, objectives: int) -> FrozenTrial:
    names = draw(st.lists(st.sampled_from(sorted(WITHIN)), unique=True))
    each = {
        "lr": st.floats(1e-4, 1.0),
        "momentum": st.sampled_from([0.0, 0.1, 0.5]),
        "layers": st.integers(1, 64),
        "batch": st.sampled_from([16, 32, 64]),
        "init": st.sampled_from(["a", "b", 1, 2.5, True, None]),
    }
    state = draw(st.sampled_from(TrialState))
    number = st.floats(allow_nan=False, allow_subnormal=False)
    ended = state is TrialState.COMPLETE or (state is TrialState.PRUNED and draw(st.booleans()))
    return made(
        state,
        draw(st.lists(number, min_size=objectives, max_size=objectives)) if ended else None,
        params={name: draw(each[name]) for name in names},
        distributions={name: WITHIN[name] for name in names},
        user_attrs=draw(ATTRIBUTES),
        system_attrs=draw(ATTRIBUTES),
        intermediate_values=draw(st.dictionaries(st.integers(0, 40), st.floats(allow_subnormal=False), max_size=5)),
    )


def tables(engine: sql.Engine) -> list[sql.Table]:
    """All tables but those of the schema's version."""
    metadata = sql.MetaData()
    metadata.reflect(engine)
    return [table for table in metadata.sorted_tables if table.name not in ("version_info", "alembic_version")]


def rows(engine: sql.Engine, but: Collection[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """What all tables hold, without the columns `but`; the order of a trial's parts is of no account."""
    with engine.connect() as connection:
        held = {}
        for table in tables(engine):
            columns = [column for column in table.c if column.name == "trial_id" or not column.primary_key]
            asked = sql.select(*(column for column in columns if column.name not in but))
            held[table.name] = sorted((tuple(row) for row in connection.execute(asked)), key=repr)
        return held


def fields(trial: FrozenTrial, but: Collection[str] = ()) -> dict[str, Any]:
    """Comparable: NaN is its name."""
    held = {name.lstrip("_"): value for name, value in vars(trial).items() if name.lstrip("_") not in but}
    curve = {step: "nan" if math.isnan(value) else value for step, value in trial.intermediate_values.items()}
    return {**held, "intermediate_values": curve, "types": {name: type(v) for name, v in trial.params.items()}}


def wipe(engine: sql.Engine) -> None:
    with engine.begin() as connection:
        for table in reversed(tables(engine)):
            connection.execute(table.delete())


def earlier(trial: FrozenTrial) -> FrozenTrial:
    """The trial while it ran: other attributes, half of the curve."""
    return made(
        TrialState.RUNNING,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=dict.fromkeys(islice(trial.user_attrs, 2), "old"),
        system_attrs=dict.fromkeys(islice(trial.system_attrs, 2), "old"),
        intermediate_values=dict(islice(trial.intermediate_values.items(), 2)),
    )


def compare(ours: BulkStorage, own: RDBStorage, given: Sequence[FrozenTrial], objectives: int, grown: bool) -> None:
    """Write trials by a BulkStorage and by Optuna's; `grown`: by the first as they were earlier, and once more."""
    directions = ["maximize", "minimize"][:objectives]
    study = ours.study("s", directions, ["a", "b"][:objectives])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = optuna.create_study(storage=own, study_name="s", directions=directions)
        theirs.set_metric_names(["a", "b"][:objectives])
    for trial in given:
        own.create_new_trial(theirs._study_id, trial)
    ids = [id for id in ours.begin(study._study_id, [earlier(t) if grown else t for t in given]) if id is not None]
    for _ in range(2):  # the second time there is nothing to write
        ours.save(dict(zip(ids, given, strict=True)))
    times = ("datetime_start", "datetime_complete") if grown and bulk.SCHEMA == UNKNOWN else ()
    wanted = [fields(trial, times) for trial in optuna.load_study(study_name="s", storage=own).trials]
    loaded = optuna.load_study(study_name="s", storage=ours.rdb).trials
    assert [fields(trial, times) for trial in loaded] == wanted
    assert [fields(trial, times) for trial in ours.trials(study._study_id).values()] == wanted
    assert list(ours.trials(study._study_id)) == ids
    assert rows(ours.rdb.engine, times) == rows(own.engine, times)


@pytest.mark.parametrize("objectives", [1, 2])
def test_the_rows_are_those_of_optuna(tmp_path: Path, objectives: int, way: str) -> None:
    BulkStorage(f"sqlite:///{tmp_path}/own.db").close()  # with a write-ahead log Optuna is faster, too
    ours, own = BulkStorage(f"sqlite:///{tmp_path}/bulk.db"), RDBStorage(f"sqlite:///{tmp_path}/own.db")

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(st.lists(trials(objectives), max_size=3), st.booleans())
    def check(given: list[FrozenTrial], grown: bool) -> None:
        wipe(ours.rdb.engine)
        wipe(own.engine)
        compare(ours, own, given, objectives, grown)

    try:
        check()
    finally:
        ours.close()
        own.engine.dispose()


def read(database: BulkStorage, study: optuna.Study) -> list[FrozenTrial]:
    return list(database.trials(study._study_id).values())


def statements(engine: sql.Engine) -> list[tuple[str, int]]:
    """What is executed from now on, with the number of rows; a list that grows."""
    seen: list[tuple[str, int]] = []

    @sql.event.listens_for(engine, "before_cursor_execute")
    def note(_1: Any, _2: Any, statement: str, parameters: Any, _3: Any, many: bool) -> None:
        seen.append((" ".join(statement.split()[:3]), len(parameters) if many else 1))

    return seen


class TestSave:
    def test_only_what_is_new_is_written(self, quick: BulkStorage) -> None:
        study = quick.study("s", ["maximize"])
        trial = running(seed=1)
        (row,) = quick.begin(study._study_id, [trial])
        assert row is not None
        seen = statements(quick.rdb.engine)
        for step in range(1, 21):
            trial.intermediate_values[step] = step / 20
            quick.save({row: trial})
        assert seen == [("INSERT INTO trial_intermediate_values", 1)] * 20
        assert read(quick, study)[0].intermediate_values == trial.intermediate_values

    def test_a_list_that_has_grown_in_place_is_written_again(self, database: BulkStorage) -> None:
        study = database.study("s", ["maximize"])
        trial = running(folders=["a"])
        (row,) = database.begin(study._study_id, [trial])
        trial.user_attrs["folders"].append("b")
        database.save({row or 0: trial})
        assert read(database, study)[0].user_attrs == {"folders": ["a", "b"]}

    def test_all_trials_are_one_transaction(self, quick: BulkStorage) -> None:
        study = quick.study("s", ["maximize"])
        commits: list[Any] = []
        sql.event.listen(quick.rdb.engine, "commit", commits.append)
        ids = quick.begin(study._study_id, [running(seed=seed) for seed in range(50)])
        assert len(commits) == 1
        ended = made(TrialState.COMPLETE, [0.5], intermediate_values={1: 0.5}, user_attrs={"seed": 0, "more": 1})
        seen = statements(quick.rdb.engine)
        quick.save({row: ended for row in ids if row is not None})
        assert len(commits) == 2
        assert len(seen) == 5  # curves, values, new attributes, changed attributes, states
        quick.save({})
        assert len(commits) == 2

    def test_rows_of_another_process_are_read_first(self, database: BulkStorage) -> None:
        study = database.study("s", ["maximize"])
        trial = made(TrialState.RUNNING, intermediate_values={1: 0.1}, user_attrs={"a": 1}, system_attrs={"b": 1})
        (row,) = database.begin(study._study_id, [trial])
        other = BulkStorage(database.url)
        trial.intermediate_values[2] = float("nan")
        trial.system_attrs["b"] = 2
        other.save({row or 0: trial})
        other.close()
        (found,) = read(database, study)
        assert list(found.intermediate_values) == [1, 2]
        assert found.system_attrs == {"b": 2}

    def test_an_ended_trial_stays_as_it_has_ended(self, database: BulkStorage) -> None:
        study = database.study("s", ["maximize"])
        (row,) = database.begin(study._study_id, [running()])
        assert row is not None
        database.save({row: made(TrialState.FAIL)})
        late = made(TrialState.COMPLETE, [0.5], user_attrs={"again": "failed"}, intermediate_values={1: 0.5})
        database.save({row: late})
        other = BulkStorage(database.url)
        other.save({row: late})
        other.close()
        (found,) = read(database, study)
        assert (found.state, found.values, found.user_attrs) == (TrialState.FAIL, None, {})
        assert not found.intermediate_values

    def test_of_two_that_end_a_trial_at_once_the_first_writes(self, quick: BulkStorage) -> None:
        """As commands do that begin at once after `kill -9`: each finds the trials of the dead process."""
        study = quick.study("s", ["maximize"])
        (row,) = quick.begin(study._study_id, [running()])
        assert row is not None
        other = BulkStorage(quick.url)
        first, second = (made(TrialState.FAIL, user_attrs={AGAIN: name}) for name in ("first", "second"))

        def meanwhile(connection: sql.Connection) -> None:
            """Both have found the trial running, and the second is about to write."""
            other.end({row: first})

        sql.event.listen(quick.rdb.engine, "begin", meanwhile, once=True)
        with patch.object(quick.rdb, "get_trial", return_value=quick.rdb.get_trial(row)):
            quick.end({row: second})
        other.close()
        (found,) = read(quick, study)
        assert (found.state, found.user_attrs) == (TrialState.FAIL, {AGAIN: "first"})

    def test_what_could_not_be_written_is_written_the_next_time(self, database: BulkStorage) -> None:
        study = database.study("s", ["maximize"])
        trial = running()
        (row,) = database.begin(study._study_id, [trial])
        assert row is not None
        trial.intermediate_values[1] = 0.5
        with sqlite3.connect(database.rdb.engine.url.database or "", isolation_level=None) as other:
            with database.rdb.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA busy_timeout=10")
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageError, match="locked"):
                database.save({row: trial})
            other.execute("ROLLBACK")
        other.close()
        database.save({row: trial})
        assert read(database, study)[0].intermediate_values == {1: 0.5}

    def test_another_process_goes_on_with_a_running_trial(self, database: BulkStorage) -> None:
        study = database.study("s", ["maximize"])
        lr = {"lr": FloatDistribution(0.0, 1.0)}
        template = made(TrialState.RUNNING, params={"lr": 0.5}, distributions=lr, intermediate_values={1: 0.9})
        (row,) = database.begin(study._study_id, [template])
        other = BulkStorage(database.url)
        pruner = ThresholdPruner(lower=0.5)
        trial = optuna.trial.Trial(optuna.load_study(study_name="s", storage=other.rdb, pruner=pruner), row or 0)
        assert trial.suggest_float("lr", 0.0, 1.0) == 0.5
        trial.report(0.8, 2)
        assert not trial.should_prune()
        trial.report(0.1, 3)
        assert trial.should_prune()
        other.close()
        grown = database.trial(row or 0)
        assert grown.intermediate_values == {1: 0.9, 2: 0.8, 3: 0.1}
        grown.intermediate_values[4] = 0.2
        database.save({row or 0: grown})
        assert database.trial(row or 0).intermediate_values[4] == 0.2


class TestBegin:
    def test_numbers_go_on_from_the_last_one_of_the_study(self, database: BulkStorage) -> None:
        one, two = database.study("one", ["maximize"]), database.study("two", ["maximize"])
        one.ask()
        database.begin(two._study_id, [running()])
        database.begin(one._study_id, [running(), running()])
        assert one.ask().number == 3
        assert [trial.number for trial in read(database, one)] == [0, 1, 2, 3]

    def test_a_point_is_claimed_once_unless_it_failed(self, database: BulkStorage) -> None:
        study = database.study("s", ["maximize"])
        failed, another = made(TrialState.FAIL, user_attrs={POINT: "a"}), database.study("t", ["maximize"])
        database.begin(another._study_id, [running(**{POINT: "a"})])
        entered = database.begin(
            study._study_id, [failed, *(running(**{POINT: point}) for point in ["a", "a", "b", "A"])]
        )
        assert [row is not None for row in entered] == [True, True, False, True, True]
        database.save({entered[3] or 0: made(TrialState.FAIL)})
        again = database.begin(study._study_id, [running(**{POINT: point}) for point in ["a", "b", "b", "c"]])
        assert [row is not None for row in again] == [False, True, False, True]
        assert [trial.number for trial in read(database, study)] == list(range(6))

    def test_no_more_trials_than_the_limit_without_those_that_are_repeated(self, database: BulkStorage) -> None:
        study = database.study("s", ["maximize"])
        first, second = database.begin(study._study_id, [running(**{AGAIN: "failed"}), running()])
        repetitions = [running(**{REPEATS: first}), running(**{REPEATS: second})]
        entered = database.begin(study._study_id, [running(), *repetitions, running(), running()], limit=3)
        assert [row is not None for row in entered] == [True, True, True, False, False]
        assert len(counting(database.trials(study._study_id))) == 3

    def test_a_study_that_was_deleted(self, database: BulkStorage) -> None:
        study = database.study("s", ["maximize"])
        optuna.delete_study(study_name="s", storage=database.rdb)
        for use in (lambda: database.begin(study._study_id, [running()]), lambda: database.trials(study._study_id)):
            with pytest.raises(StorageError, match="deleted"):
                use()


def begin_many(url: str, schema: str, barrier: Any, claimed: Any) -> None:
    """15 rounds of 4 trials, 2 of points that the others claim, too."""
    bulk.SCHEMA = schema
    barrier.wait()
    database = BulkStorage(url)
    study = database.study("s", ["maximize"])
    mine = []
    for number in range(15):
        points = [f"{number}-{i}" for i in range(2)] + [f"{os.getpid()}-{number}-{i}" for i in range(2)]
        rows = database.begin(study._study_id, [running(**{POINT: point}) for point in points])
        mine += [(row, point) for row, point in zip(rows, points, strict=True) if row is not None]
        database.save({row: made(TrialState.COMPLETE, [0.5]) for row, _ in mine[-2:]})
    claimed.put(mine)
    database.close()


def begin_at_once(url: str, way: str) -> None:
    """Two processes on a new database: whatever they are told they have is theirs alone. Optuna's methods may give a
    point to both, but not a trial."""
    context = multiprocessing.get_context("spawn")
    barrier, claimed = context.Barrier(2), context.Queue()
    arguments = (url, bulk.SCHEMA, barrier, claimed)
    processes = [context.Process(target=begin_many, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    told = [one for _ in processes for one in claimed.get(timeout=60)]
    for process in processes:
        process.join()
    database = BulkStorage(url)
    found = database.trials(database.study("s", ["maximize"])._study_id)
    database.close()
    assert [process.exitcode for process in processes] == [0, 0]
    assert sorted(trial.number for trial in found.values()) == list(range(len(found)))
    assert sorted(told) == sorted((id, trial.user_attrs[POINT]) for id, trial in found.items())
    assert len({point for _, point in told}) == 2 * 15 + 2 * 15 * 2
    if way == "tables":
        assert len(told) == 2 * 15 + 2 * 15 * 2


def test_processes_do_not_share_numbers_or_points(tmp_path: Path, way: str) -> None:
    begin_at_once(f"sqlite:///{tmp_path}/a.db", way)


def test_the_states_are_those_now(database: BulkStorage) -> None:
    study = database.study("s", ["maximize"])
    ids = database.begin(study._study_id, [made(TrialState.WAITING), running()])
    database.save({ids[0] or 0: made(TrialState.PRUNED)})
    database.study("another", ["maximize"]).ask()
    assert database.states(study._study_id) == {ids[0]: TrialState.PRUNED, ids[1]: TrialState.RUNNING}


def folder_of(database: BulkStorage) -> Path:
    return Path(database.url.removeprefix("sqlite:///")).parent


def opened(database: BulkStorage, retry_failed: int = 0, ended: Sequence[str] = (), me: str = ME) -> MirroredStudy:
    """The study m as another command opens it."""
    owners = Owners(folder_of(database), me, ended)
    return MirroredStudy(database, "m", ["maximize"], ["accuracy"], NopPruner(), owners, retry_failed)


def begun(mirror: MirroredStudy, point: str | None = None, limit: int = 1) -> Trial:
    """A trial of a choice, or of the first point in the queue, that this process evaluates."""
    trial = mirror.study.ask()
    choice = trial.suggest_categorical("choice", ["a", "b", "c"])
    for key, value in {
        POINT: point or choice,
        WORKER: mirror.owners.me,
        ATTEMPT: trial.user_attrs.get(ATTEMPT, 0),
    }.items():
        trial.set_user_attr(key, value)
    assert mirror.begin([trial], limit) == [True]
    return trial


def ended(mirror: MirroredStudy, trial: Trial, value: float | None) -> None:
    mirror.study.tell(trial, value, TrialState.FAIL if value is None else TrialState.COMPLETE)
    mirror.changed(trial)
    mirror.save()


class TestMirroredStudy:
    def test_a_failed_trial_that_a_later_command_repeats_counts_once(self, database: BulkStorage) -> None:
        first = opened(database)
        failed = begun(first)
        ended(first, failed, None)
        assert (len(opened(database).counted()), counted_in(database, "m", {})) == (1, 1)
        second = opened(database, retry_failed=1)
        assert second.counted() == []
        repeated = begun(second, point=failed.user_attrs[POINT])
        assert (repeated.params, repeated.user_attrs[ATTEMPT]) == (failed.params, 1)
        ended(second, repeated, 0.5)
        for retry_failed in (0, 1, 2):
            third = opened(database, retry_failed)
            assert [trial.value for trial in third.counted()] == [0.5]
            assert not third.study.get_trials(states=[TrialState.WAITING])
        assert counted_in(database, "m", {}) == 1

    def test_a_trial_whose_process_died_is_failed_and_repeated(self, database: BulkStorage) -> None:
        claim = Claim(folder_of(database), shares=True)
        trial = begun(opened(database, me=claim.token))
        claim.release()  # an earlier search of this process has ended
        again = opened(database)
        (found,) = database.trials(again.id).values()
        assert (found.state, found.user_attrs[AGAIN]) == (TrialState.FAIL, "its process ended")
        assert (again.counted(), counted_in(database, "m", {})) == ([], 0)
        repeated = begun(again)
        assert (repeated.params, repeated.user_attrs[ATTEMPT]) == (trial.params, 0)

    def test_a_trial_of_another_machine_is_repeated_if_its_process_is_known_to_have_ended(
        self, database: BulkStorage
    ) -> None:
        trial = begun(opened(database, me=OTHER))
        for ended, states in (["node6:1:a"], [TrialState.RUNNING]), ([OTHER], [TrialState.FAIL]):
            again = opened(database, ended=ended)
            assert [found.state for found in database.trials(again.id).values()] == states
        assert begun(again).params == trial.params

    def test_the_trials_of_another_process_are_read(
        self, database: BulkStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hpsearch.search.study.SECONDS_BETWEEN_LOOKS", 0.0)
        here, there = opened(database), opened(BulkStorage(database.url), me=OTHER)
        trial = begun(there)
        here.look()
        assert [found.state for found in here.counted()] == [TrialState.RUNNING]
        trial.report(0.25, 1)
        ended(there, trial, 0.5)
        here.look()
        (found,) = here.counted()
        assert (found.value, found.params, found.intermediate_values) == (0.5, trial.params, {1: 0.25})
        there.storage.close()


class TestOpening:
    def test_every_connection_has_a_write_ahead_log_and_waits(self, database: BulkStorage) -> None:
        for _ in range(2):
            with database.rdb.engine.connect() as connection:
                asked = [f"PRAGMA {name}" for name in ("journal_mode", "synchronous", "busy_timeout")]
                assert [connection.exec_driver_sql(one).scalar() for one in asked] == ["wal", 1, 60_000]
            database.close()  # and opens anew

    def test_a_path_is_no_template(self, tmp_path: Path) -> None:
        BulkStorage(f"sqlite:///{tmp_path}/{{lr}} 100%.db").close()
        assert [path.name for path in tmp_path.iterdir()] == ["{lr} 100%.db"]

    def test_a_study_is_found_again(self, database: BulkStorage) -> None:
        study = database.study("s", ["maximize", "minimize"], ["accuracy", "loss"])
        assert database.study("s", ["maximize", "minimize"])._study_id == study._study_id
        assert study.metric_names == ["accuracy", "loss"]
        with pytest.raises(StorageError, match="the study s was made with .* direction: maximize, minimize; give"):
            database.study("s", ["maximize"])


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////a/b c.db", "sqlite:////a/b c.db"),
        ("postgresql://u:secret@h:5/d", "postgresql://u:***@h:5/d"),
        ("postgresql://u@h/d?password=secret&sslmode=require", "postgresql://u@h/d?password=***&sslmode=require"),
        ("postgresql://u:%73ecret@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:se@secret@h/d", "***"),
        ("postgresql://u:secret/d", "***"),
        ("secret", "***"),
        ("", "***"),
    ],
)
def test_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


def refused(url: str) -> str:
    with pytest.raises(StorageError) as caught:
        BulkStorage(url)
    line = str(caught.value)
    assert "\n" not in line
    assert "secret" not in line
    assert line.startswith(f"hydra.sweeper.storage={masked(url)}: ")
    return line


class TestRefused:
    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("secret", "it is no URL like sqlite:///<file>"),
            ("postgresql://u:secret/d", "it is no URL like"),
            ("postgresql://u:secret@secret@h/d", "%40 for @"),
            ("nodb://u:secret@h/d", "nodb; give sqlite:///<file>"),
            ("postgresql+psycopg://u:secret@127.0.0.1:1/d", "refused; see that the server runs"),
            (
                "postgresql+pg8000://u:secret@h/d",
                'pip install "psycopg[binary]" and begin the URL with postgresql+psyc',
            ),
        ],
    )
    def test_urls(self, url: str, says: str) -> None:
        if "pg8000" in url:
            try:
                import pg8000  # type: ignore[import-not-found]  # noqa: F401
            except ImportError:
                pass
            else:
                pytest.skip("pg8000 is installed")
        assert says in refused(url)

    def test_another_driver(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "MySQLdb", None)
        assert refused("mysql://u:secret@h/d").endswith("its driver is missing; pip install mysqlclient")

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert refused(f"sqlite:///{tmp_path}/file/a.db").endswith("name a file in a folder that can be written")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        assert refused(f"sqlite:///{tmp_path}/a.db").endswith("name a file in a folder that can be written")

    def test_a_folder_in_place_of_the_file(self, tmp_path: Path) -> None:
        assert refused(f"sqlite:///{tmp_path}").endswith("name a file in a folder that can be written")

    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        (tmp_path / "a.db").write_text("lr,accuracy\n" * 100)
        assert refused(f"sqlite:///{tmp_path}/a.db").endswith("file is not a database; name another file")

    def test_a_locked_file_is_noticed_soon(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("hpsearch.search.storage.BUSY_SECONDS_AT_OPENING", 0.2)
        BulkStorage(f"sqlite:///{tmp_path}/a.db").close()
        other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        start = time.monotonic()
        line = refused(f"sqlite:///{tmp_path}/a.db")
        other.close()
        assert "database is locked; another program is writing to it" in line
        assert time.monotonic() - start < 3

    @pytest.mark.parametrize(
        ("version", "says"), [("v2.6.0.a", "optuna storage upgrade --storage '{url}'"), ("v9", "install -U optuna")]
    )
    def test_the_tables_of_another_optuna(self, tmp_path: Path, version: str, says: str) -> None:
        url = f"sqlite:///{tmp_path}/a.db"
        BulkStorage(url).close()
        other = sqlite3.connect(tmp_path / "a.db")
        other.execute("UPDATE alembic_version SET version_num = ?", [version])
        other.commit()
        other.close()
        assert says.format(url=url) in refused(url)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("psycopg")
    with cluster(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.mark.slow
@pytest.mark.skipif(programs() is None, reason="no PostgreSQL server")
class TestPostgres:
    @pytest.fixture
    def url(self, server: str) -> str:
        """Of a database without tables."""
        engine = sql.create_engine(server)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        engine.dispose()
        return server

    def test_processes_do_not_share_numbers_or_points(self, url: str, way: str) -> None:
        begin_at_once(url, way)

    @pytest.mark.parametrize("grown", [False, True])
    def test_the_rows_are_those_of_optuna(self, url: str, tmp_path: Path, grown: bool, way: str) -> None:
        ours, own = BulkStorage(url), RDBStorage(f"sqlite:///{tmp_path}/own.db")
        given = [
            made(
                TrialState.COMPLETE,
                [math.inf],
                params={"lr": 0.1, "init": None},
                distributions={name: WITHIN[name] for name in ("lr", "init")},
                user_attrs={"a": [1, "ü"]},
                system_attrs={"b": None},
                intermediate_values={1: math.nan, 2: -math.inf, 3: 1e-300},
            ),
            made(TrialState.RUNNING, intermediate_values={1: 0.1}),
            made(TrialState.FAIL),
        ]
        compare(ours, own, given, 1, grown)
        ours.close()
        own.engine.dispose()

    def test_a_wrong_password(self, url: str) -> None:
        wrong = sql.make_url(url).set(password="secret").render_as_string(hide_password=False)
        assert "password authentication failed" in refused(wrong)

    def test_a_database_that_is_not_there(self, url: str) -> None:
        password = sql.make_url(url).password
        assert password is not None
        line = refused(sql.make_url(url).set(database="nowhere").render_as_string(hide_password=False))
        assert '"nowhere" does not exist' in line
        assert password not in line
