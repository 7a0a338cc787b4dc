"""Runs train in several processes as they do in one."""

import os
import pickle
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from hpsearch.components.data.load import load
from hpsearch.engine.trainer import StackTrainer
from hpsearch.workers import pool, scheduler
from hpsearch.workers.forked import ForkedWorker
from hpsearch.workers.local import LocalWorker
from tests.programs import VARIANTS, Listed, Weighing, assert_same, dataset, program, run, train

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")

THESE = [run(seed, optimizer=VARIANTS[seed], lr=1e-3, epochs=3, dropout=0.2 * (seed % 2)) for seed in range(9)]


@pytest.mark.parametrize("cores", [2, 3])
def test_a_run_in_another_process_equals_the_run_in_this_one(cores: int, threads: Callable[[int], None]) -> None:
    threads(1)
    here = train(THESE, program(dataset()), lane_count=9)
    threads(cores)
    beside = train(THESE, program(dataset()), lane_count=9)
    for one, other in zip(here, beside, strict=True):
        assert_same(one, other)
        assert other.lanes == 9


def test_two_places_share_the_lanes_and_a_lane_that_is_free_goes_to_the_next_run(
    threads: Callable[[int], None],
) -> None:
    threads(2)
    feed = Listed(THESE, program(dataset()), lambda index, history: index == 0)
    results = dict(scheduler.train(feed, 5))
    assert feed.rounds[0] == dict.fromkeys(range(5), 1)
    assert feed.rounds[1] == {1: 2, 2: 2, 3: 2, 4: 2, 5: 1}  # 0 was pruned
    assert sorted(results) == list(range(9))
    assert results[0].status == "pruned"
    assert results[8].status == "finished"


class Slow:
    """Whoever takes what has ended takes its time; `events` are the rounds and what was taken, in order."""

    def __init__(self, feed: Listed, lane_count: int, rounds: int) -> None:
        self.events: list[int | str] = []
        prune = feed.prune

        def told(histories: Any) -> Any:
            self.events.append("round")
            return prune(histories)

        feed.prune = told  # type: ignore[method-assign]
        for index, _ in scheduler.train(feed, lane_count, lambda: self.events.count("round") >= rounds):
            time.sleep(0.02)
            self.events.append(index)


def test_what_has_ended_may_wait_for_the_places_but_is_told_before_training_stops(
    threads: Callable[[int], None],
) -> None:
    threads(2)
    these = [replace(each, epochs=1) for each in THESE]
    feed = Listed(these, program(dataset()), lambda index, history: False)
    events = Slow(feed, 4, rounds=2).events
    assert sorted(event for event in events if event != "round") == list(range(8))  # the ninth had no lane yet


def test_a_search_is_told_what_has_ended_before_the_next_round(threads: Callable[[int], None]) -> None:
    threads(2)
    these = [replace(each, epochs=1) for each in THESE]
    feed = Listed(these, program(dataset()), lambda index, history: False)
    feed.adaptive = True
    assert Slow(feed, 4, rounds=9).events == ["round", 0, 1, 2, 3, "round", 4, 5, 6, 7, "round", 8]


class Fragile:
    """A `StackTrainer` that ends its process once, in its second epoch, as the kernel does where memory is short."""

    def __init__(self, inner: StackTrainer, marker: Path, parent: int) -> None:
        self._inner, self._marker, self._parent = inner, marker, parent
        self._epochs = 0

    def __len__(self) -> int:
        return len(self._inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def epoch(self) -> Any:
        self._epochs += 1
        if self._epochs == 2 and not self._marker.exists() and os.getpid() != self._parent:
            self._marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self._inner.epoch()


def _fragile(on: Any, marker: Path, parent: int) -> Any:
    return Fragile(Weighing(on), marker, parent)


def test_runs_of_a_process_that_is_killed_begin_again(tmp_path: Path, threads: Callable[[int], None]) -> None:
    threads(2)
    on, marker = program(dataset()), tmp_path / "killed"
    results = train(THESE, on, 9, start=partial(_fragile, marker=marker, parent=os.getpid()))
    assert marker.exists()
    for result, undisturbed in zip(results, train(THESE, on, 9), strict=True):
        assert_same(result, undisturbed)


class Unpicklable(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def test_an_error_comes_from_another_process_with_its_reason_and_its_traceback() -> None:
    place = ForkedWorker()
    try:
        place.ask_round([("stack", _raise, [(0, None)])])
        ((stack, error),) = place.round()
    finally:
        place.close()
    assert stack == "stack"
    assert isinstance(error, RuntimeError)
    assert str(error) == "Unpicklable: one and two"
    assert "in _raise" in str(error.__cause__)


def _raise() -> Any:
    raise Unpicklable("one", "two")


def test_a_data_set_is_not_sent_to_another_process_but_found_there() -> None:
    digits = load({"name": "digits", "validation": 180, "test": 180, "split_seed": 0})
    assert len(pickle.dumps(digits)) < 200
    assert pickle.loads(pickle.dumps(digits)) is digits
    moved = pickle.loads(pickle.dumps(digits.to(torch.device("cpu"), torch.float64)))
    assert moved.train.x.dtype == torch.float64


def test_a_single_run_and_fewer_runs_than_cores_stay_in_this_process(threads: Callable[[int], None]) -> None:
    threads(2)
    with pool.open_workers(1) as (here, on_cpu):
        assert on_cpu == [here]
        assert isinstance(here, LocalWorker)
    threads(1)
    with pool.open_workers(9) as (here, on_cpu):
        assert on_cpu == [here]


class Tight(StackTrainer):
    """A trainer whose memory lasts for two lanes."""

    def epoch(self) -> Any:
        if len(self) > 2:
            raise MemoryError("no memory for more than two lanes")
        return super().epoch()


def test_a_stack_that_does_not_fit_trains_in_fewer_lanes(threads: Callable[[int], None]) -> None:
    threads(1)
    source, attempts = Listed(THESE[:5], program(dataset()), lambda index, history: False, Tight), iter(range(100))
    results = dict(scheduler.train(source, 5, stopped=lambda: next(attempts) == 99))
    assert {index: getattr(result, "status", result) for index, result in results.items()} == dict.fromkeys(
        range(5), "finished"
    )
    assert max(map(len, source.rounds)) == 2
