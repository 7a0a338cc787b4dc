"""The keys in which configurations differ, and their values."""

import json
from collections.abc import Sequence
from typing import Any

from hpsearch.errors import typed
from hpsearch.record.implied import completed
from hpsearch.record.scripts import with_choices
from hpsearch.record.shape import Record


def configuration_of(record: Record) -> str:
    """A text that is equal for records that differ only in their seed."""
    flat = flattened(record["config"])
    return json.dumps([[key, _plain(flat[key])] for key in sorted(flat) if key != "seed"])


def flat_values(record: Record) -> dict[str, Any]:
    """The values of a record's configuration, also those that it leaves out, and the names of chosen groups."""
    return flattened(completed(with_choices(record["config"], record["overrides"])))


def values_of(record: Record, keys: Sequence[str]) -> list[Any]:
    """The values of swept keys in a record; None for a key that it has not."""
    flat = flattened(record["config"])
    return [_plain(flat.get(key, flat.get(f"{key}.name"))) for key in keys]


def _plain(value: Any) -> Any:
    """Make 1 and 1.0 one value."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def flattened(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"optimizer": {"name": "sgd"}} -> {"optimizer.name": "sgd"}; lists and null become text, as they are typed."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            text = f"[{','.join(map(str, value))}]" if isinstance(value, list) else "null"
            flat[f"{prefix}{key}"] = text if isinstance(value, list) or value is None else value
    return flat


def swept_keys(configs: list[dict[str, Any]]) -> dict[str, str]:
    """The keys that differ between configurations, without the seed: flat key -> its name on the command line.

    A group's option counts only if it differs under the same choice of the group. A configuration without a key does
    not count for that key.
    """
    keys = [key for key in dict.fromkeys(key for config in configs for key in config) if key != "seed"]
    swept: dict[str, str] = {}
    for key in keys:
        group, dot, option = key.rpartition(".")
        choice = f"{group}.name" if dot and option != "name" else None
        values: dict[Any, set[Any]] = {}
        for config in configs:
            if key in config:
                values.setdefault(config.get(choice) if choice else None, set()).add(config[key])
        if any(len(different) > 1 for different in values.values()):
            swept[key] = group if option == "name" else key
    return swept


def label(flat: dict[str, Any], swept: dict[str, str]) -> str:
    """A configuration as on the command line: optimizer=adam lr=0.001. swept: of `swept_keys`."""
    values = {name: flat[key] for key, name in swept.items() if key in flat}
    return " ".join(f"{name}={f'{v:.6g}' if isinstance(v, float) else typed(v)}" for name, v in values.items())
