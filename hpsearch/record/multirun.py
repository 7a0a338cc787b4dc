"""Hydra's file in a sweep's folder: the configuration of the sweep's last command."""

from pathlib import Path, PurePath
from typing import Any

import msgspec
import yaml
from msgspec import Struct

from hpsearch.record.file import read_plain

MULTIRUN = "multirun.yaml"
LARGEST_YAML = 2**24  # bytes


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Reads plain values, and the paths of a script's configuration, as OmegaConf writes them, as text."""


def _path(loader: yaml.SafeLoader, _: str, node: yaml.SequenceNode) -> str:
    return str(PurePath(*map(str, loader.construct_sequence(node))))


_Loader.add_multi_constructor("tag:yaml.org,2002:python/object/apply:pathlib.", _path)


class _Source(Struct):
    path: str
    provider: str


class _Runtime(Struct):
    config_sources: list[_Source]
    cwd: str


class _Job(Struct):
    config_name: str | None


class _Overrides(Struct):
    hydra: list[str]
    task: list[str]


class _Launcher(Struct, rename={"target": "_target_"}):
    target: str


class _Sweeper(Struct, rename={"target": "_target_"}):
    target: str
    n_trials: int | None = None
    study_name: str | None = None
    storage: str | None = None
    params: dict[str, Any] | None = None


class _Hydra(Struct):
    runtime: _Runtime
    job: _Job
    overrides: _Overrides
    launcher: _Launcher
    sweeper: _Sweeper


class _Multirun(Struct):
    """The values of ``multirun.yaml`` that a reader goes by."""

    hydra: _Hydra
    name: str | None = None


def read_multirun(sweep: Path) -> dict[str, Any] | None:
    """The configuration of a sweep's last command, not resolved; None without a whole ``multirun.yaml`` of Hydra."""
    try:
        cfg: dict[str, Any] = yaml.load(read_plain(sweep / MULTIRUN, LARGEST_YAML), _Loader)
        msgspec.convert(cfg, _Multirun)
        return cfg
    except (OSError, ValueError, yaml.YAMLError, RecursionError):  # msgspec's ValidationError is a ValueError
        return None


def is_searched(cfg: Any) -> bool:
    """True if a sampler chose the configurations, False for a grid. cfg: with Hydra's part, or of `read_multirun`."""
    return not cfg["hydra"]["sweeper"]["_target_"].endswith(".BasicSweeper")
