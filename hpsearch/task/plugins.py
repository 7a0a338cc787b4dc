"""Plugins: ``plugins=[my_parts]``, the user's modules that register parts, and those that are installed.

A name in a YAML file never imports code, because a configuration file may come from somebody else.
"""

import importlib
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig

from hpsearch.components import registry
from hpsearch.components.plugin_part import place_of
from hpsearch.errors import UsageError, require

ENTRY_POINTS = "hpsearch.plugins"  # group of entry points
KEYS = ("plugins=", "+plugins=", "++plugins=")


def named(lines: Iterable[str]) -> list[str]:
    """The modules that a command line names: the last ``plugins=[…]``. Raises UsageError."""
    found = [line for line in lines if line.startswith(KEYS)]
    return list(_named(found[-1])) if found else []


@cache
def _named(line: str) -> tuple[str, ...]:
    value: object = None
    with suppress(HydraException):
        override = OverridesParser.create().parse_override(line)
        value = None if override.is_sweep_override() else override.value()
    modules = value if isinstance(value, list) else []
    valid = isinstance(value, list) and all(isinstance(module, str) for module in modules)
    require(valid, "plugins", line.partition("=")[2], "one list of modules, e.g. plugins=[my_parts]")
    return tuple(map(str, modules))


def check(cfg: DictConfig, overrides: list[str]) -> None:
    """Raise UsageError for plugins that a configuration has from elsewhere than the overrides of its command."""
    modules = list(cfg.get("plugins") or [])
    if modules != named(overrides):
        line = f"plugins=[{','.join(map(str, modules))}]"
        raise UsageError([f"{line}: a YAML file cannot name plugins; give {line} on the command line"])


def check_not_swept(sweeper_cfg: DictConfig) -> None:
    """Raise UsageError for plugins in the space of a sweep that a YAML file describes."""
    spaces = [sweeper_cfg.get("params"), *(sweeper_cfg.get("when") or {}).values()]
    if any(key.lstrip("+") == "plugins" for space in spaces if isinstance(space, Mapping) for key in space):
        raise UsageError(["hydra.sweeper.params: cannot have plugins; give plugins=[…] on the command line"])


def load(modules: Iterable[str], folder: Path) -> None:
    """Import modules, also from `folder`, and the installed plugins; make their parts options for Hydra.

    Raises UsageError for a module that cannot be imported, and with the fault of each part that is wrong.
    """
    for entry_point in installed():
        _import(entry_point.module, f"plugin {entry_point.name}, which is installed")
    for module in modules:
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        _import(module, f"plugins=[{module}]")
    faults, store = [], ConfigStore.instance()
    for part in registry.plugin_parts():
        try:
            node = {"name": part.name, **part.options()}
            if part.configured:
                store.store(group=part.group, name=part.name, node=node, provider="hpsearch", replace=True)
        except UsageError as error:
            faults += error.faults
    if faults:
        raise UsageError(faults)


@cache
def installed() -> tuple[EntryPoint, ...]:
    """The entry points of installed plugins."""
    return tuple(entry_points(group=ENTRY_POINTS))


def _import(module: str, source: str) -> None:
    if not all(part.isidentifier() for part in module.split(".")) or module.endswith(".py"):
        raise UsageError([f"{source}: must be the name of a module, without folder and without .py"])
    try:
        importlib.import_module(module)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        missing = isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}.")
        if missing:
            where = f"{module.replace('.', '/')}.py must lie in the working directory, {Path.cwd()}, or be installed"
            raise UsageError([f"{source}: there is no module {module}; {where}"]) from error
        said = str(getattr(error, "msg", error)).partition("\n")[0]  # a SyntaxError's without its file
        line = f"importing it raises {type(error).__name__}: {said} ({place_of(error)})"
        raise UsageError([f"{source}: {line}; python -c 'import {module}' shows the traceback"]) from error
