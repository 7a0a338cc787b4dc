"""Actors of a Ray cluster as workers.

An actor holds a `LocalWorker`. Runs travel to it and results come back by Ray, so that the nodes need neither the
sweep's folder nor the data: a data set lies once in a node's object store, and all actors of the node read it there.
Ray places the actors, and says when one is gone.

Long, because the pool, its actors and what travels between them are read together.
"""

import io
import pickle
import platform
import re
import socket
import sys
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from time import monotonic
from typing import Any

import ray
import torch
from ray import cloudpickle
from ray.exceptions import GetTimeoutError, RayActorError, RayError

import hpsearch
from hpsearch.components.data.dataset import Dataset, Split
from hpsearch.components.registry import plugin_parts, register
from hpsearch.errors import GOES_ON, SweepError, UsageError, require
from hpsearch.workers.local import LocalWorker
from hpsearch.workers.memory import keep_freed_memory
from hpsearch.workers.remote import RemoteWorker, WorkerLost, answer_of
from hpsearch.workers.run import Run
from hpsearch.workers.worker import Round, Worker

SECONDS_BETWEEN_LOOKS = 2.0  # at the cluster's nodes
SECONDS_TO_START = 120.0  # of the first worker
SECONDS_TO_ANSWER = 5.0  # of a cluster's address
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class ClusterSettings:
    """The options of ``hydra/launcher=ray`` that concern the cluster. See `RayLauncherConf`."""

    address: str
    cpus: int
    gpus: float
    workers: int | None
    timeout: float
    retries: int
    runtime_env: Mapping[str, Any]
    plugins: Sequence[str]


class RayPool:
    """One actor for each share of the cluster's processors and GPUs that a worker asks for."""

    def __init__(self, settings: ClusterSettings, lanes: int, expected: int, runs: Sequence[Run]) -> None:
        """lanes: of each worker. expected: the number of runs in all. Raises UsageError."""
        self._settings, self._lanes, self._expected = settings, lanes, expected
        self.retries = settings.retries
        self._data: dict[int, tuple[Dataset, Any]] = {}  # by id: the data set, and its place in the object store
        self._workers: list[RayWorker] = []
        self._starting: list[RayWorker] = []
        self._lonely = monotonic()
        self._looked = self._lonely - SECONDS_BETWEEN_LOOKS
        for module in settings.plugins:
            cloudpickle.register_pickle_by_value(sys.modules[module])
        _connect(settings)
        try:
            self._check_room()
            self._await_first()
        except BaseException:
            self.close()
            raise

    @property
    def lanes(self) -> int:
        """Of all workers together."""
        return self._lanes * max(1, len(self._workers))

    def workers_for(self, run: Run) -> Sequence[Worker]:
        return self._workers

    def first(self, asked: Collection[Worker]) -> Worker | None:
        self._look()
        answers = {worker.answer: worker for worker in self._workers if worker in asked}
        hanging = [worker for worker in answers.values() if worker.seconds > self._settings.timeout]
        if hanging:
            hanging[0].end(f"has not answered for {self._settings.timeout:g} s")
            return hanging[0]
        if not self._workers and monotonic() - self._lonely > self._settings.timeout:
            raise SweepError([f"the Ray cluster has had no worker for {self._settings.timeout:g} s{GOES_ON}"])
        pending = [*answers, *(worker.answer for worker in self._starting)]
        ready, _ = ray.wait(pending, timeout=SECONDS_BETWEEN_LOOKS) if pending else ([], [])
        return next((answers[answer] for answer in ready if answer in answers), None)

    def forget(self, worker: "RayWorker") -> None:
        """A worker is gone."""
        self._workers = [other for other in self._workers if other is not worker]
        self._lonely = monotonic()

    def packed(self, question: tuple[str, Any]) -> tuple[bytes, dict[int, Any]]:
        """A question without its data sets, and these by their numbers."""
        file, used, place_of = io.BytesIO(), {}, self._place_of

        class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # of a package without types
            def persistent_id(self, obj: Any) -> int | None:
                if not isinstance(obj, Dataset):
                    return None
                used[id(obj)] = place_of(obj)
                return id(obj)

        Pickler(file).dump(question)
        return file.getvalue(), used

    def _place_of(self, data: Dataset) -> Any:
        """The place of a data set in the object store."""
        if id(data) not in self._data:
            self._data[id(data)] = data, ray.put(_Arrays.of(data))
        return self._data[id(data)][1]

    def close(self) -> None:
        for worker in (*self._workers, *self._starting):
            worker.close()
        ray.shutdown()

    def _look(self) -> None:
        """Start workers where there is room for them, and let those that have started take part."""
        if monotonic() - self._looked >= SECONDS_BETWEEN_LOOKS:
            self._looked = monotonic()
            more = self._wanted() - len(self._workers) - len(self._starting)
            self._starting += [RayWorker(self, self._settings) for _ in range(more)]
        for worker in list(self._starting):
            if worker.answered:
                self._starting.remove(worker)
                if worker.started():
                    self._workers.append(worker)

    def _wanted(self) -> int:
        """The number of workers that the cluster has room for, or that are asked for; no more than runs."""
        if self._settings.workers is not None:
            return min(self._settings.workers, self._expected)
        return min(self._expected, sum(self._room(node) for node in ray.nodes() if node["Alive"]))

    def _room(self, node: Mapping[str, Any]) -> int:
        """The number of workers that fit on a node."""
        there, settings = node["Resources"], self._settings
        by_gpus = there.get("GPU", 0) // settings.gpus if settings.gpus else sys.maxsize
        return int(min(there.get("CPU", 0) // settings.cpus if settings.cpus else sys.maxsize, by_gpus))

    def _check_room(self) -> None:
        """Raise UsageError if no node has room for a worker, unless a number of workers is asked for, because a cluster
        may grow on demand."""
        if self._settings.workers is not None or self._wanted():
            return
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        most = {name: max((int(node.get(name, 0)) for node in nodes), default=0) for name in ("CPU", "GPU")}
        for key, asked, there in (
            ("gpus", self._settings.gpus, most["GPU"]),
            ("cpus", self._settings.cpus, most["CPU"]),
        ):
            must = f"at most {there}: no node of the cluster has more; with hydra.launcher.workers=N it may add some"
            require(asked <= there, f"hydra.launcher.{key}", asked, must)

    def _await_first(self) -> None:
        while not self._workers:
            self._look()
            if monotonic() - self._lonely > SECONDS_TO_START:
                busy = "all its processors and GPUs may be in use: ray status"
                raise UsageError([f"the Ray cluster started no worker in {SECONDS_TO_START:g} s; {busy}"])
            ray.wait([worker.answer for worker in self._starting], timeout=0.5)


class RayWorker(RemoteWorker):
    """An actor of a cluster."""

    def __init__(self, pool: RayPool, settings: ClusterSettings) -> None:
        super().__init__()
        self._pool, self._settings = pool, settings
        options = {"num_cpus": settings.cpus, "num_gpus": settings.gpus, "max_restarts": 0}
        parts = cloudpickle.dumps([(part.group, part.name, part.about, part.part) for part in plugin_parts()])
        self._actor = _actor_class().options(**options).remote()
        self._ended: str | None = None
        self._asked(self._actor.start.remote(settings.cpus, parts))

    def _asked(self, answer: Any) -> None:
        self.answer, self._since = answer, monotonic()

    @property
    def seconds(self) -> float:
        """Since the last question."""
        return monotonic() - self._since

    @property
    def answered(self) -> bool:
        ready, _ = ray.wait([self.answer], timeout=0)
        return bool(ready)

    def started(self) -> bool:
        """False if the actor was lost while it started. Raises UsageError if its node has other versions."""
        try:
            there = ray.get(self.answer)
        except RayActorError:
            return False
        except RayError as error:
            cause = getattr(error, "cause", error)  # what the actor raised
            raise UsageError([f"a worker of the Ray cluster cannot start: {_line(cause)}"]) from error
        for name, version in _versions().items():
            if there[name] != version:
                node = f"a node of the Ray cluster ({there['node']}) has {name} {there[name]}"
                raise UsageError([f"{node} and this machine {version}; the numbers would differ: install the same"])
        return True

    def _ask(self, question: str, argument: object) -> None:
        try:
            self._asked(self._actor.answer.remote(*self._pool.packed((question, argument))))
        except RayError as error:  # the object store is full
            raise SweepError([f"Ray cannot send a run to its worker: {_line(error)}{GOES_ON}"]) from error

    def _answer(self) -> Any:
        if self._ended is not None:
            raise WorkerLost(f"its worker {self._ended}")
        try:
            answer = ray.get(self.answer, timeout=self._settings.timeout)
        except RayActorError as error:
            raise WorkerLost(f"its worker on the Ray cluster was lost: {_line(error)}") from error
        except GetTimeoutError:
            self.end(f"has not answered for {self._settings.timeout:g} s")
            return self._answer()
        if isinstance(answer, _Unreadable):
            ship = "hydra.launcher.runtime_env={py_modules: [FOLDER]} sends a package of yours"
            raise SweepError([f"a worker of the Ray cluster cannot read a run: {answer.reason}; {ship}{GOES_ON}"])
        return answer

    def _lost(self, error: WorkerLost) -> Round:
        self._pool.forget(self)
        return Round(lost=error)

    def end(self, reason: str) -> None:
        """End the actor, which hangs."""
        self._ended = reason
        self.close()

    def close(self) -> None:
        ray.kill(self._actor)


@dataclass(frozen=True)
class _Arrays:
    """A data set as Ray's object store keeps it: NumPy arrays there are read in place."""

    arrays: dict[str, tuple[Any, Any]]
    rest: dict[str, Any]

    @classmethod
    def of(cls, data: Dataset) -> "_Arrays":
        arrays = {name: (getattr(data, name).x.numpy(), getattr(data, name).y.numpy()) for name in SPLITS}
        rest = {each.name: getattr(data, each.name) for each in fields(data) if each.name not in SPLITS}
        return cls(arrays, rest | {"source": None})

    def dataset(self) -> Dataset:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the arrays cannot be written: nothing does
            splits = {name: Split(torch.from_numpy(x), torch.from_numpy(y)) for name, (x, y) in self.arrays.items()}
        return Dataset(**(self.rest | splits))


@dataclass(frozen=True)
class _Unreadable:
    """The answer to a question that could not be unpickled."""

    reason: str


class _Actor:
    """The other side of a `RayWorker`."""

    def __init__(self) -> None:
        self._worker = LocalWorker()
        self._data: dict[int, Dataset] = {}

    def start(self, threads: int, parts: bytes) -> dict[str, str]:
        """Versions, and the address of the node. parts: those that plugins have registered."""
        for group, name, about, part in pickle.loads(parts):
            register(group, name, **about)(part)
        torch.set_num_threads(threads)
        keep_freed_memory()
        return _versions() | {"node": ray.util.get_node_ip_address()}

    def answer(self, question: bytes, data: dict[int, Any]) -> object:
        for number, place in data.items():
            if number not in self._data:
                self._data[number] = ray.get(place).dataset()
        datasets = self._data

        class Unpickler(pickle.Unpickler):
            def persistent_load(self, number: int) -> Dataset:
                return datasets[number]

        try:
            name, argument = Unpickler(io.BytesIO(question)).load()
        except Exception as error:
            return _Unreadable(_line(error))
        return answer_of(self._worker, name, argument)


@cache
def _actor_class() -> Any:
    return ray.remote(_Actor)


def _versions() -> dict[str, str]:
    return {"hpsearch": hpsearch.__version__, "torch": torch.__version__, "Python": platform.python_version()}


def _connect(settings: ClusterSettings) -> None:
    """Raise UsageError if no cluster answers."""
    env = {"py_modules": [hpsearch], **settings.runtime_env}
    try:
        if place := re.fullmatch(r"(?:ray://)?([^/]+):(\d+)", settings.address):
            socket.create_connection((place[1], int(place[2])), SECONDS_TO_ANSWER).close()  # Ray would wait for minutes
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Ray's own plans
            ray.init(settings.address, runtime_env=env, log_to_driver=False, logging_level="ERROR")
    except OSError as error:
        hint = "ray start --head starts one, hydra.launcher.address=local needs none"
        raise UsageError(
            [f"hydra.launcher.address={settings.address}: no Ray cluster answers there; {hint}"]
        ) from error
    except Exception as error:  # of many kinds: another version of Ray or Python, a wrong runtime_env
        raise UsageError([f"hydra.launcher.address={settings.address}: {_line(error)}"]) from error


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}".rstrip(": ")
