"""The trials of a process that has ended are evaluated again, whatever its host, process id or clock."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from optuna.pruners import NopPruner
from optuna.trial import Trial, TrialState

from hpsearch.record.claim import Claim
from hpsearch.search import owners
from hpsearch.search.bulk import AGAIN, POINT, BulkStorage
from hpsearch.search.owners import WORKER, Owners
from hpsearch.search.study import MirroredStudy

ELSEWHERE = "node7:1:0a1b2c3d"  # a claim in a folder that is not seen here


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(owners, "monotonic", clock)
    monkeypatch.setattr("hpsearch.search.study.SECONDS_BETWEEN_LOOKS", 0.0)
    return clock


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[BulkStorage]:
    with closing(BulkStorage(f"sqlite:///{tmp_path / 'a.db'}")) as storage:
        yield storage


def study(storage: BulkStorage, folder: Path, me: str) -> MirroredStudy:
    return MirroredStudy(storage, "s", ["maximize"], ["val_accuracy"], NopPruner(), Owners(folder, me))


def begin(mirror: MirroredStudy, point: str) -> Trial:
    trial = mirror.study.ask()
    trial.set_user_attr(POINT, point)
    trial.set_user_attr(WORKER, mirror.owners.me)
    assert mirror.begin([trial], limit=9) == [True]
    return trial


def states(mirror: MirroredStudy) -> list[TrialState]:
    return [trial.state for trial in mirror.storage.trials(mirror.id).values()]


def test_a_claim_that_is_given_up_frees_the_trials_at_once(storage: BulkStorage, tmp_path: Path, clock: Clock) -> None:
    mine, other = (Claim(tmp_path, shares=True) for _ in range(2))
    here, there = study(storage, tmp_path, mine.token), study(storage, tmp_path, other.token)
    begin(there, "a")
    for _ in range(3):  # it is held, however long it takes
        here.look()
        clock.now += 10 * owners.LEASE_SECONDS
    assert (states(here), here.doubtful()) == ([TrialState.RUNNING], [])
    other.release()
    here.look()
    assert states(here) == [TrialState.FAIL]
    (waiting,) = here.study.get_trials(states=[TrialState.WAITING])
    assert waiting.params == {}
    assert here.counted() == []
    mine.release()


def test_a_heartbeat_that_stands_still_frees_the_trials_of_another_machine(
    storage: BulkStorage, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = study(storage, tmp_path, ELSEWHERE)
    begin(there, "a")
    here = study(storage, tmp_path, "here:1:a")
    assert here.doubtful() == [ELSEWHERE]
    times = iter("123")
    monkeypatch.setattr(storage, "heartbeats", lambda study: {1: next(times)})
    for _ in range(3):  # each later than a lease
        clock.now += 2 * owners.LEASE_SECONDS
        here.look()
        assert (states(here), here.doubtful()) == ([TrialState.RUNNING], [])
    monkeypatch.setattr(storage, "heartbeats", lambda study: {1: "3"})
    clock.now += owners.LEASE_SECONDS
    here.look()
    assert states(here) == [TrialState.RUNNING]
    clock.now += 1
    here.look()
    assert states(here) == [TrialState.FAIL]
    assert [trial.user_attrs[AGAIN] for trial in storage.trials(here.id).values()] == ["its process ended"]


def test_the_heartbeat_is_written_with_the_time_of_the_storage(storage: BulkStorage, tmp_path: Path) -> None:
    mirror = study(storage, tmp_path, "here:1:a")
    mirror.beat()
    assert storage.heartbeats(mirror.id) == {}
    begin(mirror, "a")
    mirror.beat()
    (beat,) = (storage.heartbeats(mirror.id) or {}).values()
    assert beat.startswith("20")


def test_a_trial_that_has_no_owner_of_hpsearch_is_left_alone(
    storage: BulkStorage, tmp_path: Path, clock: Clock
) -> None:
    storage.study("s", ["maximize"]).ask()
    here = study(storage, tmp_path, "here:1:a")
    clock.now += 2 * owners.LEASE_SECONDS
    here.look()
    assert states(here) == [TrialState.RUNNING]
