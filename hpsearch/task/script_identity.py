"""The part of a script's configuration that is the identity of a run, and the keys that come with `hpsearch.main`."""

import re
from enum import Enum
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hpsearch.errors import UsageError, require, typed
from hpsearch.record.scripts import SCRIPT
from hpsearch.record.shape import TAKEN
from hpsearch.script.function import Script, known

OURS: dict[str, tuple[Any, str]] = {  # the keys that come with `hpsearch.main`: their types, and these in words
    "seed": (int, "a whole number"),
    "name": (str, "a text"),
    "report": (bool, "true or false"),
    "confirm": (int, "a whole number"),
    "retrain": ((dict, type(None)), "keys with other values, or null"),
    "plan": (bool, "true or false"),
    "tracker": (dict, "a mapping; tracker=… chooses one"),
    "trial": ((int, type(None)), "null"),
}
RESOLVED = ("seed", SCRIPT)  # keys that hpsearch reads itself
REFERENCE = re.compile(r"\$\{[^:${}]+\}")  # to another key; a resolver has a colon
ESCAPED = re.compile(r"\\\$\{[^{}]*\}")  # text, and no reference
NOT_IDENTITY = ("hydra", *(set(OURS) - {"seed"}), "device")


def script_identity(cfg: DictConfig) -> dict[str, Any]:
    """The part of a script's configuration that decides a run's numbers, plain and resolved.

    A text that refers to other keys, as ``${lr}`` or ``run_${seed}``, stays as it is written: it says no more than
    they do, and a value with the seed in it would make a configuration of each seed. Raises UsageError for a value that
    cannot be resolved, or whose resolver takes the seed.
    """
    config: dict[str, Any] = {}
    for key in (str(key) for key in cfg.keys() if key not in NOT_IDENTITY):  # noqa: SIM118  # keys() resolves nothing
        try:
            node = value = cfg[key]
            if OmegaConf.is_config(node):
                value = OmegaConf.to_container(value, resolve=True, throw_on_missing=True, enum_to_str=True)
            config[key] = _plain(value if key in RESOLVED else _as_written(value, _raw(cfg, key, node), key))
        except OmegaConfBaseException as error:
            raise UsageError([f"{error.full_key}: {str(error).splitlines()[0]}"]) from error
    config[SCRIPT] = {"name": config[SCRIPT]["name"]}
    return config


def _raw(cfg: DictConfig, key: str, node: Any) -> Any:
    """The value of a key as it was written. node: what the key gives."""
    if OmegaConf.is_interpolation(cfg, key):
        written: Any = OmegaConf.to_container(OmegaConf.masked_copy(cfg, [key]), resolve=False)
        return written[key]
    return OmegaConf.to_container(node, resolve=False) if OmegaConf.is_config(node) else node


def _as_written(value: Any, raw: Any, path: str) -> Any:
    """A resolved value in which each text that only refers to other keys is as it was written.

    What a resolver gives is no reference, whatever it looks like.
    """
    if isinstance(raw, dict) and isinstance(value, dict):  # of one order
        parts = zip(value.items(), raw.values(), strict=True)
        return {key: _as_written(inner, written, f"{path}.{key}") for (key, inner), written in parts}
    if isinstance(raw, list) and isinstance(value, list):
        return [_as_written(*each, path) for each in zip(value, raw, strict=True)]
    if not isinstance(raw, str) or "${" not in raw:
        return value
    left = ESCAPED.sub("", raw)
    while (inner := REFERENCE.sub("", left)) != left:
        left = inner
    if "${" not in left:
        return raw
    if re.search(r"\bseed\b", raw):
        must = "must give no seed to a resolver, or each seed is a configuration of its own; do it in the function"
        raise UsageError([f"{path}={raw}: {must}"])
    return value.replace("${", r"\${") if isinstance(value, str) else value


def script_in(cfg: DictConfig) -> Script | None:
    """The script that a configuration is of, if this process has it."""
    told = cfg.get(SCRIPT)
    return known(str(told.get("name")), told.get("path")) if OmegaConf.is_dict(told) else None


def check_keys(cfg: DictConfig, script: Script) -> None:
    """Raise UsageError if a key that hpsearch has for itself means something else in the user's configuration."""
    faults = []
    told = cfg.get(SCRIPT)
    if not OmegaConf.is_dict(told) or (told.get("name"), told.get("path")) != (script.name, script.path):
        faults.append(f"{SCRIPT}={typed(told)}: hpsearch has this key for itself; yours needs another name")
    for key, (kind, words) in OURS.items():
        value = OmegaConf.select(cfg, key, throw_on_resolution_failure=False)
        wrong = isinstance(value, bool) and kind is not bool
        if wrong or not isinstance({} if OmegaConf.is_dict(value) else value, kind):
            faults.append(f"{key}={typed(value)}: must be {words}; hpsearch has this key, so yours needs another name")
    faults += [
        f"{key}: cannot be a key of a script, because tables have a column of this name; rename it"
        for key in (str(key) for key in cfg.keys() if key not in NOT_IDENTITY)  # noqa: SIM118
        if TAKEN.fullmatch(key)
    ]
    if not faults:
        seed = cfg.seed
        require(-(2**63) <= seed < 2**63, "seed", seed, "a whole number of at most 64 bits")
    if faults:
        raise UsageError(faults)


def _plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, Enum):  # also one of whole numbers
        return value.name
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
