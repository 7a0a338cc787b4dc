"""The part of a configuration that is the identity of a run: what its record keeps, and what names its folder."""

from collections.abc import Collection
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hpsearch.components import registry
from hpsearch.components.architecture.classifiers import CLASSIFIERS, READS
from hpsearch.errors import UsageError, typed
from hpsearch.record.file import key_of
from hpsearch.record.folders import Folders
from hpsearch.record.implied import ADDED, DEFAULT
from hpsearch.record.scripts import is_script
from hpsearch.task.fingerprint import fingerprint
from hpsearch.task.script_identity import script_identity

SWEEPS = (
    *("hydra", "name", "report", "confirm", "retrain", "plan", "trial", "weights", "checkpoint", "plugins", "tracker"),
)
NOT_IDENTITY = (*SWEEPS, "device")
FILES = {"data": "path", "split": "files"}  # keys that name files: their content is the identity, not their place


def identity(cfg: DictConfig) -> dict[str, Any]:
    """The part of a configuration that decides a run's numbers, plain and resolved: as the record keeps it.

    Left out are Hydra's own part, the keys of the sweep, the device, the folder of the data, the optimizer's default
    learning rate, which has become `lr`, and for a classifier every key that only nets read. A fingerprint stands for a
    file, and marks for the user's own code. A script's is all but the keys of the sweep and the device. Raises
    UsageError for a value that cannot be resolved.
    """
    return script_identity(cfg) if is_script(cfg) else identity_of(resolved(cfg))


def identity_of(values: dict[str, Any]) -> dict[str, Any]:
    """`identity` of a configuration's `resolved` values."""
    config = {key: deepcopy(value) for key, value in values.items() if key not in NOT_IDENTITY}
    _check_names(config)
    if config["architecture"]["name"] in CLASSIFIERS:
        config = {key: config[key] for key in READS if key in config}
    for group, key in FILES.items():
        found = fingerprint(config[group].get(key))
        if found is not None:
            del config[group][key]
            config[group]["fingerprint"] = found
    if code := _code(config):
        config["code"] = code
    for key, implied in ADDED.items():
        _leave_out(config, key, implied)
    config["data"].pop("root", None)
    config.get("optimizer", {}).pop("lr", None)
    return config


def resolved(cfg: DictConfig, also: Collection[str] = ()) -> dict[str, Any]:
    """The keys of an identity, and some more, with plain values. Raises UsageError for one that cannot be resolved."""
    left_out = {*NOT_IDENTITY} - {*also}
    keys = [str(key) for key in cfg.keys() if key not in left_out]  # noqa: SIM118  # keys() resolves nothing
    if "hydra" not in cfg:  # whose part takes long
        with suppress(OmegaConfBaseException):  # of a key that is named below
            whole: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
            return {key: whole[key] for key in keys}
    config: dict[str, Any] = {}
    for key in keys:
        try:
            value = cfg[key]
            config[key] = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        except OmegaConfBaseException as error:
            raise UsageError([f"{error.full_key}: {str(error).splitlines()[0]}"]) from error
    return config


def _check_names(config: dict[str, Any]) -> None:
    """Raise UsageError for a group that chooses no part."""
    faults = [
        f"{group}.name={typed(options.get('name'))}: must be the name of one of its parts; {group}=… chooses one"
        for group, options in config.items()
        if isinstance(options, dict) and not isinstance(options.get("name"), str)
    ]
    if faults:
        raise UsageError(faults)


def _code(config: dict[str, Any]) -> dict[str, str]:
    """The mark of each part of the user's code that a run is made of, by the key that chooses it."""
    chosen = {group: config[group].get("name") for group in registry.GROUPS if isinstance(config.get(group), dict)}
    marks = {group: registry.mark_of(group, name) for group, name in chosen.items()}
    marks["activation"] = registry.mark_of("activation", config["architecture"].get("activation"))
    metrics = config.get("metrics")
    for name in (config.get("metric"), *(metrics if isinstance(metrics, list) else ())):
        marks[f"metric {name}"] = registry.mark_of("metric", name)
    return {key: mark for key, mark in marks.items() if mark is not None}


def located(values: dict[str, Any], config: dict[str, Any], group: str) -> dict[str, Any]:
    """The options of a group in an identity, with the files and the folder that they lie in.

    values: of the configuration, `resolved`.
    """
    there = {key: values[group].get(key) for key in ("root", FILES[group])}
    return {**config.get(group, DEFAULT), **{key: value for key, value in there.items() if value is not None}}


def _leave_out(config: dict[str, Any], key: str, implied: Any) -> None:
    """Remove a key of the value that is implied; of a mapping that has more keys, these keys alone."""
    if key in config and config[key] == implied:
        del config[key]
    elif isinstance(implied, dict) and isinstance(config.get(key), dict):
        for inner, value in implied.items():
            if inner != "name":  # which chooses, so that the rest is read
                _leave_out(config[key], inner, value)


def _run_folder(*, _root_: DictConfig) -> str:
    """``${hpsearch.run_folder:}``: the name of a run's folder, for launchers that know nothing of records."""
    hydra = _root_.hydra
    number = 0 if OmegaConf.is_missing(hydra.job, "num") else hydra.job.num
    return Folders(Path(hydra.sweep.dir)).find(key_of(identity(_root_)), number)[0]


OmegaConf.register_resolver("hpsearch.run_folder", _run_folder, replace=True)
