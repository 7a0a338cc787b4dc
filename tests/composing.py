"""Configurations as Hydra composes them for a command, without the command."""

from functools import cache

from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import DictConfig

import hpsearch.task.config  # noqa: F401  # registers the schema
from hpsearch.cli.compose import Composer
from hpsearch.cli.own_options import own_options
from hpsearch.cli.program import CONF

SWEEPS = ("experiment", "search")  # groups of whole sweeps, not of parts of a configuration
OTHERS = (*SWEEPS, "hydra", "tracker")  # groups that choose no part of a run
GROUPS = sorted(folder.name for folder in CONF.iterdir() if folder.is_dir() and folder.name not in OTHERS)
OPTIONS = [(group, path.stem) for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]
NAMED = [(group, path.stem) for group in SWEEPS for path in sorted((CONF / group).glob("*.yaml"))]


@cache
def loader() -> ConfigLoader:
    """Hydra's own loader of ``conf/``."""
    setup_globals()
    Plugins.instance()  # their options are there before ours
    with initialize_config_dir(str(CONF)):
        return GlobalHydra.instance().config_loader()


def sweep_cfg(*overrides: str) -> DictConfig:
    """The configuration of a sweep, as launcher and sweeper get it."""
    with own_options():
        return loader().load_configuration("config", list(overrides), run_mode=RunMode.MULTIRUN)


def run_cfg(*overrides: str) -> DictConfig:
    """The configuration of a single run."""
    with own_options():
        return loader().load_configuration("config", list(overrides), run_mode=RunMode.RUN)


_sweep_cfg, _composer = cache(sweep_cfg), cache(lambda: Composer(loader()))


def sweep_of(*overrides: str) -> DictConfig:
    """The configuration of the sweep of such a job. Hydra wants an experiment or a search to be chosen before its
    sweep, because it configures the sweeper."""
    return _sweep_cfg(*(line for line in overrides if line.startswith(tuple(f"{group}=" for group in SWEEPS))))


def job_cfg(*overrides: str) -> DictConfig:
    """The configuration of a job in a sweep."""
    with own_options():
        return _composer().load_sweep_config(sweep_of(*overrides), list(overrides))
