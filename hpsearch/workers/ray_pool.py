"""The workers of a Ray cluster.

Runs travel to them and results come back by Ray, so that the nodes need neither the sweep's folder nor the data. Ray
places the actors, and says when one is gone.

Long, because room for workers, their start and their loss are read together.
"""

import io
import re
import socket
import sys
import warnings
from collections.abc import Collection, Mapping, Sequence
from time import monotonic, sleep
from typing import Any

import ray
from ray import cloudpickle

import hpsearch
from hpsearch.components.data.dataset import Dataset
from hpsearch.errors import GOES_ON, SweepError, UsageError, require
from hpsearch.script.function import Script
from hpsearch.workers.ray_actor import Arrays, line_of
from hpsearch.workers.ray_worker import ClusterSettings, RayWorker
from hpsearch.workers.run import Run
from hpsearch.workers.worker import Worker

SECONDS_BETWEEN_LOOKS = 2.0  # at the cluster's nodes
LONGEST_LONELY = 600.0  # seconds without a worker
SECONDS_TO_START = 120.0  # of the first worker
SECONDS_TO_ANSWER = 5.0  # of a cluster's address


class RayPool:
    """One actor for each share of the cluster's processors and GPUs that a worker asks for."""

    def __init__(self, settings: ClusterSettings, lanes: int, expected: int, runs: Sequence[Run]) -> None:
        """lanes: of each worker. expected: the number of runs in all. Raises UsageError."""
        self._settings, self._lanes, self._expected = settings, lanes, expected
        self.retries = settings.retries
        self._data: dict[int, tuple[Dataset | Script, Any]] = {}  # by id: what travels once, and its place
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
        patience = min(self._settings.timeout, LONGEST_LONELY)
        if not self._workers and monotonic() - self._lonely > patience:
            raise SweepError([f"the Ray cluster has had no worker for {patience:g} s{GOES_ON}"])
        return next((answers[answer] for answer in self._answered(list(answers)) if answer in answers), None)

    def forget(self, worker: RayWorker) -> None:
        """A worker is gone."""
        self._workers = [other for other in self._workers if other is not worker]
        self._lonely = monotonic()

    def packed(self, question: tuple[str, Any]) -> tuple[bytes, dict[int, Any]]:
        """A question without its data sets and scripts, and these by their numbers."""
        file, used, place_of = io.BytesIO(), {}, self._place_of

        class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # of a package without types
            def persistent_id(self, obj: Any) -> int | None:
                if not isinstance(obj, (Dataset, Script)):
                    return None
                used[id(obj)] = place_of(obj)
                return id(obj)

        Pickler(file).dump(question)
        return file.getvalue(), used

    def _place_of(self, data: Dataset | Script) -> Any:
        """The place of a data set or script in the object store."""
        if id(data) not in self._data:
            packed = data.by_value() if isinstance(data, Script) else Arrays.of(data)
            self._data[id(data)] = data, ray.put(packed)
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
            self._starting += [RayWorker(self._settings, self.packed, self.forget) for _ in range(more)]
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
            self._answered([])

    def _answered(self, answers: list[Any]) -> list[Any]:
        """Wait for one of these answers, or for a worker that starts; not for long, because nodes may come and go."""
        pending = [*answers, *(worker.answer for worker in self._starting)]
        if not pending:
            sleep(SECONDS_BETWEEN_LOOKS)
            return []
        ready, _ = ray.wait(pending, timeout=SECONDS_BETWEEN_LOOKS)
        return list(ready)


def _connect(settings: ClusterSettings) -> None:
    """Raise UsageError if no cluster answers."""
    env = {**settings.runtime_env, "py_modules": [hpsearch, *settings.runtime_env.get("py_modules", [])]}
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
        raise UsageError([f"hydra.launcher.address={settings.address}: {line_of(error)}"]) from error
