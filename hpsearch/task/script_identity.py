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
REFERENCE = re.compile(r"\$\{[^:${}]+\}")  # to another key; a resolver has a colon
NOT_IDENTITY = ("hydra", *(set(OURS) - {"seed"}), "device")


def script_identity(cfg: DictConfig) -> dict[str, Any]:
    """The part of a script's configuration that decides a run's numbers, plain and resolved.

    A value that refers to another key, ``${lr}``, is left out: it says nothing more, and one that refers to the seed
    would make a configuration of each seed. Raises UsageError for a value that cannot be resolved.
    """
    config: dict[str, Any] = {}
    for key in (str(key) for key in cfg.keys() if key not in NOT_IDENTITY):  # noqa: SIM118  # keys() resolves nothing
        try:
            value = cfg[key]
            if OmegaConf.is_config(value):
                value = OmegaConf.to_container(value, resolve=True, throw_on_missing=True, enum_to_str=True)
            if not REFERENCE.fullmatch(str(raw := _raw(cfg, key))):
                config[key] = _plain(_without_references(value, raw))
        except OmegaConfBaseException as error:
            raise UsageError([f"{error.full_key}: {str(error).splitlines()[0]}"]) from error
    config[SCRIPT] = {"name": config[SCRIPT]["name"]}
    return config


def _raw(cfg: DictConfig, key: str) -> Any:
    """The value of a key as it was written."""
    if OmegaConf.is_interpolation(cfg, key):
        written: Any = OmegaConf.to_container(OmegaConf.masked_copy(cfg, [key]), resolve=False)
        return written[key]
    value = cfg[key]
    return OmegaConf.to_container(value, resolve=False) if OmegaConf.is_config(value) else value


def _without_references(value: Any, raw: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(raw, dict):
        return value
    kept = {key: inner for key, inner in value.items() if not REFERENCE.fullmatch(str(raw.get(key)))}
    return {key: _without_references(inner, raw.get(key)) for key, inner in kept.items()}


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
