"""Hydra launcher `ray`: the runs of a sweep train in stacks on the workers of a Ray cluster."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from hpsearch.cli.launcher import StackedLauncher
from hpsearch.errors import UsageError, require

if TYPE_CHECKING:
    from hpsearch.workers.pool import Pool
    from hpsearch.workers.run import Run


SECONDS_TO_ANSWER = 600.0  # of a worker, for an epoch of nets


@dataclass
class RayLauncherConf:
    """``hydra/launcher=ray``."""

    _target_: str = "hpsearch.cli.ray_launcher.RayLauncher"
    address: str = "auto"  # of the cluster: auto, local (this machine alone), host:port, ray://host:port
    lanes: int = 48  # runs trained beside each other on each worker, at most
    cpus: int = 1  # of each worker
    gpus: float = 0  # of each worker; part of one shares it
    workers: int | None = None  # null: as many as there is room for, also on nodes that come later
    timeout: float | None = None  # seconds in which a worker must answer, for an epoch; null: 600, a script any
    retries: int = 2  # workers that a run may lose before it is suspected of ending them
    runtime_env: dict[str, Any] = field(default_factory=dict)  # as of ray.init, e.g. {py_modules: [my_package]}


class RayLauncher(StackedLauncher):
    """A `StackedLauncher` whose workers are actors."""

    def __init__(self, lanes: int, **cluster: Any) -> None:
        super().__init__(lanes)
        self._cluster = cluster

    def check(self) -> None:
        super().check()
        for key, least in (("cpus", 1), ("gpus", 0), ("timeout", 1), ("retries", 0), ("workers", 1)):
            value, optional = self._cluster[key], key in ("timeout", "workers")
            fits = (optional and value is None) or value >= least
            require(fits, f"hydra.launcher.{key}", value, f"at least {least}{', or null' * optional}")
        if find_spec("ray") is None:
            raise UsageError(["hydra/launcher=ray: Ray is not installed; pip install 'hpsearch[ray]'"])

    @property
    def room(self) -> int:
        """As of a `StackedLauncher`; a script's runs have a worker each."""
        workers: int | None = self._cluster["workers"]
        return self.lanes if self.job is None else workers or 1

    def open_pool(self, lanes: int, expected: int, runs: "Sequence[Run]") -> "Pool":
        from hpsearch.workers.ray_pool import RayPool
        from hpsearch.workers.ray_worker import ClusterSettings

        cluster = self._cluster | {"runtime_env": OmegaConf.to_container(self._cluster["runtime_env"], resolve=True)}
        cluster["timeout"] = cluster["timeout"] or (math.inf if runs[0].script else SECONDS_TO_ANSWER)
        settings = ClusterSettings(**cluster, plugins=list(self.hydra_cfg.get("plugins", ())))
        return RayPool(settings, 1 if runs[0].script else lanes, expected, runs)
