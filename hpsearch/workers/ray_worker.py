"""An actor of a Ray cluster as a worker."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import Any

import ray
from ray import cloudpickle
from ray.exceptions import GetTimeoutError, RayActorError, RayError

from hpsearch.components.registry import plugin_parts
from hpsearch.errors import GOES_ON, SweepError, UsageError
from hpsearch.workers import ray_actor
from hpsearch.workers.ray_actor import Unreadable, line_of
from hpsearch.workers.remote import RemoteWorker, WorkerLost
from hpsearch.workers.worker import Round

Packed = Callable[[tuple[str, Any]], tuple[bytes, dict[int, Any]]]


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


class RayWorker(RemoteWorker):
    """An actor of a cluster."""

    def __init__(self, settings: ClusterSettings, packed: Packed, forget: Callable[["RayWorker"], None]) -> None:
        """packed: makes a message of a question. forget: is told when the actor is lost."""
        super().__init__()
        self._settings, self._packed, self._forget = settings, packed, forget
        options = {"num_cpus": settings.cpus, "num_gpus": settings.gpus, "max_restarts": 0}
        parts = cloudpickle.dumps([(part.group, part.name, part.about, part.part) for part in plugin_parts()])
        self._actor = _remote_actor().options(**options).remote()
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
            raise UsageError([f"a worker of the Ray cluster cannot start: {line_of(cause)}"]) from error
        for name, version in ray_actor.versions().items():
            if there[name] != version:
                node = f"a node of the Ray cluster ({there['node']}) has {name} {there[name]}"
                raise UsageError([f"{node} and this machine {version}; the numbers would differ: install the same"])
        return True

    def _ask(self, question: str, argument: object) -> None:
        try:
            self._asked(self._actor.answer.remote(*self._packed((question, argument))))
        except RayError as error:  # the object store is full
            raise SweepError([f"Ray cannot send a run to its worker: {line_of(error)}{GOES_ON}"]) from error

    def _answer(self) -> Any:
        if self._ended is not None:
            raise WorkerLost(f"its worker {self._ended}")
        try:
            longest = self._settings.timeout
            answer = ray.get(self.answer, timeout=None if longest == math.inf else longest)
        except RayActorError as error:
            raise WorkerLost(f"its worker on the Ray cluster was lost: {line_of(error)}") from error
        except GetTimeoutError:
            self.end(f"has not answered for {self._settings.timeout:g} s")
            return self._answer()
        if isinstance(answer, Unreadable):
            ship = "hydra.launcher.runtime_env={py_modules: [FOLDER]} sends a package of yours"
            raise SweepError([f"a worker of the Ray cluster cannot read a run: {answer.reason}; {ship}{GOES_ON}"])
        return answer

    def _lost(self, error: WorkerLost) -> Round:
        self._forget(self)
        return Round(lost=error)

    def end(self, reason: str) -> None:
        """End the actor, which hangs."""
        self._ended = reason
        self.close()

    def close(self) -> None:
        ray.kill(self._actor)


@cache
def _remote_actor() -> Any:
    return ray.remote(ray_actor.Actor)
