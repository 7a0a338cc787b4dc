"""Composing the configurations of a sweep without composing each from scratch."""

import pickle
from copy import deepcopy
from functools import cache
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.plugins.config_source import ConfigSource
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from hpsearch.cli.error_lines import FOUND, line_of
from hpsearch.errors import UsageError

UNKNOWN = object()


class Composer:
    """Composes the jobs of a sweep, each combination of choices once.

    Composing takes Hydra 50 to 120 ms. An override that only sets a plain value is applied to a copy, as Hydra itself
    applies it after composing.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        self._loader = loader
        self._parser = OverridesParser.create()
        self._is_group = cache(lambda key: bool(loader.get_group_options(key)))
        self._parsed: dict[str, tuple[Override, bool]] = {}  # a grid repeats its overrides in every job
        self._composed: dict[tuple[str, ...], tuple[bytes, bytes]] = {}  # by choices: without Hydra's part, and whole
        self._plain: set[tuple[tuple[str, ...], str]] = set()  # keys that hold a plain value under these choices

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """The configuration of a job, without Hydra's part, which is 4 times as large, unless the job refers to it."""
        return self._load(master_config, sweep_overrides, whole=False)

    def load_whole_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """The configuration of a job as Hydra's own loader gives it."""
        config = self._load(master_config, sweep_overrides, whole=True)
        config.hydra.overrides.task = [line for line in sweep_overrides if not line.startswith("hydra.")]
        return config

    def _load(self, master_config: DictConfig, sweep_overrides: list[str], whole: bool) -> DictConfig:
        try:
            return self._compose(master_config, sweep_overrides, whole)
        except FOUND:
            raise
        except Exception as error:  # of a file that a sweep chooses
            raise UsageError([line_of(error)]) from error

    def _compose(self, master_config: DictConfig, sweep_overrides: list[str], whole: bool) -> DictConfig:
        parsed = [self._parse(line) for line in sweep_overrides]
        choices = tuple(line for line, (_, value) in zip(sweep_overrides, parsed, strict=True) if not value)
        if choices not in self._composed:
            composed = self._loader.load_sweep_config(master_config, list(choices))
            task, both = task_part(composed), pickle.dumps(composed)  # pickled: a copy is 5 times cheaper so
            self._composed[choices] = both if "${hydra" in OmegaConf.to_yaml(task) else pickle.dumps(task), both
        config: DictConfig = pickle.loads(self._composed[choices][whole])
        try:
            for override in (override for override, value in parsed if value):
                key = override.key_or_group
                if (choices, key) not in self._plain:
                    old = OmegaConf.select(config, key, default=UNKNOWN, throw_on_missing=True)
                    if old is UNKNOWN or OmegaConf.is_config(old):
                        return self._loader.load_sweep_config(master_config, sweep_overrides)
                    self._plain.add((choices, key))
                OmegaConf.update(config, key, override.value(), merge=True)
        except OmegaConfBaseException:  # Hydra words it for the user
            return self._loader.load_sweep_config(master_config, sweep_overrides)
        return config

    def _parse(self, line: str) -> tuple[Override, bool]:
        """The override, and True if it only sets a plain value."""
        if line not in self._parsed:
            override = self._parser.parse_override(line)
            plain = override.type is OverrideType.CHANGE and override.package is None
            plain = plain and not override.is_hydra_override() and not override.is_sweep_override()
            value = plain and isinstance(override.value(), (bool, int, float, str)) and "$" not in line
            self._parsed[line] = override, value and not self._is_group(override.key_or_group)
        return self._parsed[line]


class ValidatingLater(ConfigLoader):
    """Hydra's config loader for a sweeper, which composes each job before its launch, only to validate it: a launcher
    that does so itself need not wait for it."""

    def __init__(self, loader: ConfigLoader) -> None:
        self._loader = loader

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        return master_config

    # the rest of the interface is Hydra's

    def load_configuration(self, *args: Any, **kwargs: Any) -> DictConfig:
        return self._loader.load_configuration(*args, **kwargs)

    def get_search_path(self) -> ConfigSearchPath:
        return self._loader.get_search_path()

    def get_sources(self) -> list[ConfigSource]:
        return self._loader.get_sources()

    def list_groups(self, parent_name: str) -> list[str]:
        return self._loader.list_groups(parent_name)

    def get_group_options(
        self,
        group_name: str,
        results_filter: ObjectType | None = ObjectType.CONFIG,
        config_name: str | None = None,
        overrides: list[str] | None = None,
    ) -> list[str]:
        return self._loader.get_group_options(group_name, results_filter, config_name, overrides)

    def compute_defaults_list(self, config_name: str | None, overrides: list[str], run_mode: RunMode) -> Any:
        return self._loader.compute_defaults_list(config_name, overrides, run_mode)


def set_number(config: DictConfig, number: int) -> None:
    """Note the number of a job in Hydra's part of its configuration."""
    with open_dict(config):
        config.hydra.job.id, config.hydra.job.num = str(number), number


def task_part(config: DictConfig) -> DictConfig:
    """A copy of a configuration without Hydra's part."""
    task: DictConfig = deepcopy(config)
    with read_write(task), open_dict(task):
        task.pop("hydra", None)
    return task
