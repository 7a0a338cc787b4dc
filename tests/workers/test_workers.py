"""Runs train in several processes as they do in one."""

import gc
import os
import pickle
import signal
import sys
import time
import traceback
import types
import weakref
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from hpsearch.components.data.load import load
from hpsearch.engine.place import Place, processor
from hpsearch.engine.trainer import StackTrainer
from hpsearch.workers import pool, scheduler
from hpsearch.workers.local import LocalWorker
from hpsearch.workers.process import ProcessWorker
from tests.programs import VARIANTS, Listed, Weighing, assert_same, dataset, program, ready, run, train

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
        assert other.place == Place("cpu", processor(), 1)


def test_two_places_share_the_lanes_and_a_lane_that_is_free_goes_to_the_next_run(
    threads: Callable[[int], None],
) -> None:
    threads(2)
    feed = Listed(THESE, program(dataset()), lambda index, history: index == 0)
    results = dict(scheduler.train(feed, 5))
    first, second = sorted((next(r for r in feed.rounds if 0 in r), next(r for r in feed.rounds if 4 in r)), key=min)
    assert (first, second) == (dict.fromkeys(range(3), 1), dict.fromkeys((3, 4), 1))
    after = next(epochs for epochs in feed.rounds if epochs.get(1) == 2)  # 0 was pruned
    assert list(after.values()) == [2, 2, 1]
    assert list(after)[:2] == [1, 2]
    assert sorted(results) == list(range(9))
    assert results[0].status == "pruned"
    assert results[8].status == "finished"


class Slow:
    """Whoever takes what has ended takes its time; `events` are the rounds and what was taken, in order."""

    def __init__(self, feed: Listed, lane_count: int, rounds: int) -> None:
        self.events: list[int | str] = []
        prune = feed.prune

        def told(histories: Any, training: Any) -> Any:
            self.events.append("round")
            return prune(histories, training)

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
    events = Slow(feed, 4, rounds=3).events
    told = [event for event in events if event != "round"]
    assert events.count("round") == 3
    assert sorted(told) == list(range(8))  # the ninth had no lane yet


def test_a_search_is_told_what_has_ended_before_the_next_round(threads: Callable[[int], None]) -> None:
    threads(1)
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

    def epoch(self, resting: Any = ()) -> Any:
        self._epochs += 1
        if self._epochs == 2 and not self._marker.exists() and os.getpid() != self._parent:
            self._marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self._inner.epoch(resting)


def _fragile(on: Any, marker: Path, parent: int) -> Any:
    return Fragile(Weighing(on), marker, parent)


def test_runs_of_a_process_that_is_killed_begin_again(tmp_path: Path, threads: Callable[[int], None]) -> None:
    threads(2)
    on, marker = program(dataset()), tmp_path / "killed"
    results = train(THESE, on, 9, start=partial(_fragile, marker=marker, parent=os.getpid()))
    assert marker.exists()
    for result, undisturbed in zip(results, train(THESE, on, 9), strict=True):
        assert_same(result, undisturbed)


class Deadly(Weighing):
    """Run 4 does something fatal in its second epoch."""

    fatal = os.abort

    def epoch(self, resting: Any = ()) -> Any:
        if any(lane.index == 4 and lane.epoch == 1 for lane in self._lanes):
            type(self).fatal()
        return super().epoch(resting)


class Exits(Deadly):
    fatal = partial(os._exit, 3)


class Crashes(Deadly):
    fatal = partial(signal.raise_signal, signal.SIGSEGV)


class Hangs(Deadly):
    fatal = partial(time.sleep, 1000)


class Quits(Deadly):
    fatal = partial(sys.exit, 5)


DEADLY = [
    (Deadly, "its process was ended by SIGABRT", "in epoch"),
    (Exits, "its process ended with exit code 3", ""),
    (Crashes, "its process was ended by SIGSEGV", "in epoch"),
    (Hangs, "no answer in hydra.launcher.timeout=0.5 s", "in epoch"),
    (Quits, "sys.exit(5) was called", "in epoch"),
]


@pytest.mark.parametrize(("trainer", "reason", "log"), DEADLY, ids=[each[0].__name__ for each in DEADLY])
def test_a_run_that_ends_its_process_fails_alone(
    threads: Callable[[int], None], trainer: Any, reason: str, log: str
) -> None:
    threads(2)
    one, other = program(dataset()), program(dataset(), widths=(5,))
    source = Listed(THESE, one, lambda index, history: False, trainer)
    innocent = [replace(ready(each, other, Weighing), stack_key=("other", CPU)) for each in THESE[:3]]
    source._runs = [*source._runs, *enumerate(innocent, start=9)]  # beside it on its worker
    open_pool = partial(pool.MachinePool, given=pool.Processes(timeout=0.5))
    results = dict(scheduler.train(source, 12, open_pool=open_pool))
    bad = results.pop(4)
    assert str(bad) == reason
    assert log in "".join(traceback.format_exception(bad))
    assert sorted(results) == [0, 1, 2, 3, *range(5, 12)]
    alone = train(THESE, one, 9) + train(THESE[:3], other, 3)
    for index, result in results.items():
        assert_same(result, alone[index])


class Unpicklable(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def test_an_error_comes_from_another_process_with_its_reason_and_its_traceback() -> None:
    place = ProcessWorker()
    try:
        place.ask_round([("stack", _raise, [(0, None)])], [])
        ((stack, error),) = place.round().raised
    finally:
        place.close()
    assert stack == "stack"
    assert isinstance(error, RuntimeError)
    assert str(error) == "Unpicklable: one and two"
    assert "in _raise" in str(error.__cause__)


def test_an_error_of_a_class_that_only_the_other_process_has_keeps_its_reason() -> None:
    with closing(ProcessWorker()) as place:
        place.ask_round([("stack", _raise_elsewhere, [(0, None)])], [])
        ((_, error),) = place.round().raised
    assert (type(error), str(error)) == (RuntimeError, "Elsewhere: why")
    assert "in _raise_elsewhere" in str(error.__cause__)


def _raise_elsewhere() -> Any:
    module = types.ModuleType("only_here")
    sys.modules["only_here"] = module
    module.Elsewhere = type("Elsewhere", (ValueError,), {"__module__": "only_here"})  # type: ignore[attr-defined]
    raise module.Elsewhere("why")


def _raise() -> Any:
    raise Unpicklable("one", "two")


def test_a_stack_that_does_not_fit_gives_its_memory_back_at_once() -> None:
    gc.disable()  # else it could be what frees it
    try:
        held = weakref.ref((filling := _Filling()).tensor)
        worker = LocalWorker()
        worker.ask_round([("stack", partial(_given, [filling]), [(0, None)])], [])
        del filling
        ((_, error),) = worker.round().raised
        assert "in epoch" in "".join(traceback.format_exception(error))
        assert held() is None
    finally:
        gc.enable()


class _Filling:
    """A trainer whose epoch runs out of memory."""

    def __init__(self) -> None:
        self.tensor = torch.zeros(10)

    def enter(self, index: int, spec: Any) -> None:
        pass

    def epoch(self, resting: Any = ()) -> Any:
        used = self.tensor
        raise torch.OutOfMemoryError(f"no room beside {len(used)} numbers")


def _given(trainers: list[Any]) -> Any:
    return trainers.pop()


def test_after_cuda_was_used_here_a_process_is_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    with closing(ProcessWorker()) as worker:
        assert type(worker._process).__name__ == "SpawnProcess"


def test_a_data_set_is_not_sent_to_another_process_but_found_there() -> None:
    digits = load({"name": "digits", "validation": 180, "test": 180, "split_seed": 0})
    assert len(pickle.dumps(digits)) < 200
    assert pickle.loads(pickle.dumps(digits)) is digits
    moved = pickle.loads(pickle.dumps(digits.to(torch.device("cpu"), torch.float64)))
    assert moved.train.x.dtype == torch.float64


def test_a_single_run_stays_in_this_process_and_several_do_not(threads: Callable[[int], None]) -> None:
    one = ready(THESE[0], program(dataset()))
    for cores, runs, kinds in ((2, 1, [LocalWorker]), (1, 9, [ProcessWorker]), (2, 9, [ProcessWorker] * 2)):
        threads(cores)
        with closing(pool.MachinePool(9, runs, [one])) as machine:
            assert [type(worker) for worker in machine.workers_for(one)] == kinds


class Tight(StackTrainer):
    """A trainer whose memory lasts for two lanes."""

    def epoch(self, resting: Any = ()) -> Any:
        if len(self) > 2:
            raise MemoryError("no memory for more than two lanes")
        return super().epoch(resting)


class Paced(StackTrainer):
    """A trainer that takes its time with runs of seed 0."""

    def epoch(self, resting: Any = ()) -> Any:
        if any(lane.spec.seed == 0 for lane in self._lanes):
            time.sleep(0.2)
        return super().epoch(resting)


def test_no_worker_waits_for_a_slower_one(threads: Callable[[int], None]) -> None:
    threads(2)
    these = [run(seed, epochs=3) for seed in range(6)]
    feed = Listed(these, program(dataset()), lambda index, history: False, Paced)
    results = dict(scheduler.train(feed, 2))
    assert {result.status for result in results.values()} == {"finished"}
    ends = [index for round in feed.rounds for index, epochs in round.items() if epochs == 3]
    assert ends[-1] == 0  # the others have taken turns on the other worker
    assert [min(round) for round in feed.rounds].count(0) == 3


class Meeting(Listed):
    """Runs rest after their first epoch until all have trained it; then run 1 is pruned."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.seen: dict[int, int] = {}

    @property
    def resting(self) -> Any:
        return {index for index, epochs in self.seen.items() if epochs == 1 and len(self.seen) < self.expected}

    def prune(self, histories: Any, training: Any) -> Any:
        super().prune(histories, training)
        self.seen |= self.rounds[-1]
        return {1} & training if len(self.seen) == self.expected and self.seen[1] == 1 else ()


@pytest.mark.parametrize("cores", [1, 2])
def test_runs_rest_until_the_others_have_come_as_far(cores: int, threads: Callable[[int], None]) -> None:
    threads(cores)
    these = [run(seed, epochs=3) for seed in range(5)]
    feed = Meeting(these, program(dataset()), lambda index, history: False, Weighing)
    results = dict(scheduler.train(feed, 5))
    assert len(results[1].history.val_loss) == 1
    assert results.pop(1).status == "pruned"
    for index, alone in enumerate(these):
        if index != 1:
            assert_same(results[index], train([alone], program(dataset()), 1)[0])
    first_of_all = next(number for number, round in enumerate(feed.rounds) if 2 in round.values())
    assert {index for round in feed.rounds[:first_of_all] for index in round} == set(range(5))


def test_a_stack_that_does_not_fit_trains_in_fewer_lanes(threads: Callable[[int], None]) -> None:
    threads(1)
    source, attempts = Listed(THESE[:5], program(dataset()), lambda index, history: False, Tight), iter(range(100))
    results = dict(scheduler.train(source, 5, stopped=lambda: next(attempts) == 99))
    assert {index: getattr(result, "status", result) for index, result in results.items()} == dict.fromkeys(
        range(5), "finished"
    )
    assert max(map(len, source.rounds)) == 2


class Started:
    """In place of a `ProcessWorker`, with how it was started."""

    def __init__(self, threads: int = 1, device: int | None = None, **given: Any) -> None:
        self.threads, self.device, self.connection = threads, device, object()

    def close(self) -> None: ...


def started(monkeypatch: pytest.MonkeyPatch, these: list[Any], **options: Any) -> list[tuple[int, int | None]]:
    """Threads and device of each process that may train the first of these runs."""
    monkeypatch.setattr(pool, "ProcessWorker", Started)
    workers = pool.MachinePool(48, len(these), these, pool.Processes(**options)).workers_for(these[0])
    return [(worker.threads, worker.device) for worker in workers if isinstance(worker, Started)]


def test_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch, threads: Callable[[int], None]) -> None:
    threads(8)
    small, large = program(dataset()), program(dataset(), (4000, 4000), batch_size=100)
    two, nine = [ready(each, small) for each in THESE[:2]], [ready(each, small) for each in THESE]
    assert started(monkeypatch, two) == [(1, None)] * 2
    assert started(monkeypatch, nine) == [(1, None)] * 8
    assert started(monkeypatch, [ready(each, large) for each in THESE[:3]]) == [(2, None)] * 3
    assert started(monkeypatch, nine, count=3, threads=2) == [(2, None)] * 3
    assert started(monkeypatch, nine, count=1) == [(1, None)]
    assert started(monkeypatch, [ready(each, large) for each in THESE[:3]], count=1) == []  # this process


def test_every_gpu_gets_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    anywhere, second = (replace(program(dataset()), device=torch.device(name)) for name in ("cuda", "cuda:1"))
    assert started(monkeypatch, [ready(each, anywhere) for each in THESE]) == [(1, 0), (1, 1), (1, 2)]
    assert started(monkeypatch, [ready(each, second) for each in THESE]) == []


def test_a_process_of_several_threads_trains_the_same_numbers(threads: Callable[[int], None]) -> None:
    threads(2)
    on, alone = program(dataset()), THESE[3]
    with closing(ProcessWorker(threads=2)) as worker:
        worker.ask_round([("a", partial(StackTrainer, on), [(0, alone)])], [])
        trained = worker.round().histories[0]
    assert trained.val_loss == train([replace(alone, epochs=1)], on, 1)[0].history.val_loss


def test_expensive_runs_are_shared_out_first() -> None:
    cheap, costly = program(dataset(), (100, 100)), program(dataset(), (200, 200))
    runs = [ready(each, cheap) for each in THESE[:8]] + [replace(ready(THESE[8], costly), stack_key=("b", CPU))] * 2
    taken: dict[int, list[int]] = {}

    class Noting(LocalWorker):
        def ask_round(self, entering: Any, resting: Any) -> None:
            taken[id(self)] = [index for _, _, entered in entering for index, _ in entered]

    class Two:
        lanes, retries = 48, 0
        workers = (Noting(), Noting())

        def workers_for(self, run: Any) -> Any:
            return self.workers

    made = scheduler.Scheduler(Two())  # type: ignore[arg-type]
    for index, each in enumerate(runs):
        made.add(index, each)
    made.begin_rounds(())
    first, second = (taken[id(worker)] for worker in Two.workers)
    assert sorted(first + second) == list(range(10))
    costs = [sum(runs[index].cost for index in part) for part in (first, second)]
    assert max(costs) / min(costs) < 1.2
    assert {8, 9} <= set(first)  # of one stack, side by side


CPU = torch.device("cpu")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends a process with its parent")
def test_a_process_that_trains_ends_with_a_command_that_is_killed(tmp_path: Path) -> None:
    command = os.fork()
    if command == 0:  # which has a worker that trains for a minute
        ProcessWorker().ask_round([("stack", partial(_sleep, tmp_path / "worker"), [(0, None)])], [])
        time.sleep(60)
    deadline = time.monotonic() + 30
    while not (tmp_path / "worker").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    worker = int((tmp_path / "worker").read_text())
    os.kill(command, signal.SIGKILL)
    os.waitpid(command, 0)
    while (runs := Path(f"/proc/{worker}/exe").exists()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not runs


def _sleep(told: Path) -> Any:
    partly = told.with_suffix(".partly")
    partly.write_text(str(os.getpid()))
    partly.rename(told)
    time.sleep(60)


class Idle:
    """A pool of one worker with two lanes that are never trained; `looks` counts the stacks whose place was asked."""

    lanes, retries, looks = 2, 2, 0

    def workers_for(self, run: Any) -> list[Any]:
        self.looks += 1
        return [self]

    def ask_round(self, entering: Any, resting: Any) -> None:
        pass


def test_a_round_looks_at_the_stacks_in_training_however_many_wait() -> None:
    looks = {}
    for waiting in (2, 500):
        idle = Idle()
        made = scheduler.Scheduler(idle)  # type: ignore[arg-type]
        one = ready(THESE[0], program(dataset()), Weighing)
        for index in range(waiting):
            made.add(index, replace(one, stack_key=(str(index), CPU)))
        assert made.begin_rounds(()) == [0, 1]
        assert (made.free, made.training) == (2 - waiting, {0, 1})
        looks[waiting] = idle.looks
    assert looks[2] == looks[500]
