"""The records of a user's script, whose configuration is its own but for `script` and `seed`."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

SCRIPT = "script"  # key of a configuration: the name of the script, and in a composed one its path
WRAPPER = "hpsearch_script_"  # name of the primary configuration, before that of a typed one


def is_script(config: Any) -> bool:
    """True for a configuration of a script, composed or of a record."""
    return SCRIPT in config


def with_choices(config: dict[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """A script's configuration in which a group that was chosen by name has this name, as hpsearch's own groups do.

    overrides: of the run. Other configurations stay as they are.
    """
    if not is_script(config):
        return config
    named = {group.lstrip("+"): choice for group, choice in choices(config, overrides).items()}
    return config | {
        group: {"name": choice} | config[group]
        for group, choice in named.items()
        if group in config and "name" not in config[group]
    }


def choices(config: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, str]:
    """The parts that a run has chosen by name, by group as typed: {"optimizer": "sgd", "+db/engine@db": "sqlite"}."""
    chosen = {}
    for line in overrides:
        group, _, choice = line.partition("=")
        package = group.lstrip("+").rpartition("@")[2].replace("/", ".")
        options: Any = config
        for key in package.split("."):
            options = options.get(key) if isinstance(options, Mapping) else None
        if isinstance(options, Mapping) and re.fullmatch(r"[\w.-]+", choice):
            chosen[group] = choice
    return chosen


def script_path(config: Any) -> str | None:
    """The path of the script, as `python` is given it, in a composed configuration; None for hpsearch's own task."""
    told = config.get(SCRIPT)
    return str(told["path"]) if isinstance(told, Mapping) and "path" in told else None
