"""The records of a user's script, whose configuration is its own but for `script` and `seed`."""

from typing import Any

SCRIPT = "script"  # key of a configuration: the name of the script, and in a composed one its path
WRAPPER = "hpsearch_script_"  # name of the primary configuration, before that of a typed one


def is_script(config: Any) -> bool:
    """True for a configuration of a script, composed or of a record."""
    return SCRIPT in config


def script_path(config: Any) -> str | None:
    """The path of the script, as `python` is given it, in a composed configuration; None for hpsearch's own task."""
    return str(config[SCRIPT]["path"]) if is_script(config) else None
