"""The configuration of a run: its typed schema, what of it is the run's identity, and its checks without torch.

Groups are open mappings: they hold the arguments of the function that their `name` selects, and that function checks
them. Hydra rejects a key that no file of `conf/` names.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hpsearch.components.architecture.classifiers import CLASSIFIERS, READS
from hpsearch.components.architecture.options import ARCHITECTURES
from hpsearch.components.dropout import dropout
from hpsearch.components.optimizer import OPTIMIZERS
from hpsearch.components.schedule import SCHEDULES
from hpsearch.errors import UsageError, require
from hpsearch.record.file import key_of
from hpsearch.record.folders import Folders
from hpsearch.task import plugins
from hpsearch.task.faults import Faults

Group = dict[str, Any]
PRECISIONS = ("float32", "tf32", "bfloat16")
NOT_IDENTITY = ("hydra", "name", "report", "confirm", "device", "plan", "trial", "plugins")


@dataclass
class Config:
    """The keys of a configuration. See ``conf/config.yaml`` for the meaning of each."""

    data: Group = field(default_factory=dict)
    architecture: Group = field(default_factory=dict)
    optimizer: Group = field(default_factory=dict)
    init: Group = field(default_factory=dict)
    dropout: Group = field(default_factory=dict)
    normalization: Group = field(default_factory=dict)
    schedule: Group = field(default_factory=dict)
    lr: float = MISSING
    seed: int = MISSING
    epochs: int = MISSING
    batch_size: int = MISSING
    precision: str = MISSING
    device: str = MISSING
    name: str = MISSING
    report: bool = True
    confirm: int = 0
    plan: bool = False
    trial: int | None = None
    plugins: list[str] = field(default_factory=list)


ConfigStore.instance().store("schema", Config)


@dataclass(frozen=True)
class Settings:
    """A configuration as plain values, checked as far as that needs no torch.

    config: as in the record. overrides: the command line of the run alone. data: the options of the data set, with the
    folder that it lies in. The other fields are None for a classifier, and where there is a fault.
    """

    config: dict[str, Any]
    overrides: list[str]
    data: dict[str, Any]
    device: str = "auto"
    architecture: Any = None
    optimizer: Any = None
    schedule: Any = None
    dropout: Any = None


def identity(cfg: DictConfig) -> dict[str, Any]:
    """The part of a configuration that decides a run's numbers, plain and resolved: as the record keeps it.

    Left out are Hydra's own part, the keys of the sweep, the device, the folder of the data, the optimizer's default
    learning rate, which has become `lr`, and for a classifier every key that only nets read. Raises UsageError for a
    value that cannot be resolved.
    """
    config: dict[str, Any] = {}
    for key in cfg:
        if key not in NOT_IDENTITY:
            try:
                value = cfg[key]
                config[str(key)] = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
            except OmegaConfBaseException as error:
                raise UsageError([f"{error.full_key}: {str(error).splitlines()[0]}"]) from error
    if config["architecture"]["name"] in CLASSIFIERS:
        config = {key: config[key] for key in READS}
    config["data"].pop("root", None)
    config.get("optimizer", {}).pop("lr", None)
    return config


def read(cfg: DictConfig, overrides: list[str], faults: Faults) -> Settings:
    """The settings of a configuration; its faults go to `faults`. Raises UsageError as `identity`."""
    plugins.check(cfg, overrides)
    config = identity(cfg)
    root = cfg.data.get("root")
    data = config["data"] | ({} if root is None else {"root": root})
    if config["architecture"]["name"] in CLASSIFIERS:
        return Settings(config, overrides, data)
    with faults:
        require(0 < config["lr"] < math.inf, "lr", config["lr"], "a number above 0")
    with faults:
        require(config["epochs"] >= 1, "epochs", config["epochs"], "at least 1")
    with faults:
        require(config["batch_size"] >= 1, "batch_size", config["batch_size"], "at least 1")
    with faults:
        require(config["precision"] in PRECISIONS, "precision", config["precision"], f"one of {', '.join(PRECISIONS)}")
    with faults:
        kind, _, number = cfg.device.partition(":")
        known = cfg.device in ("auto", "cpu", "cuda") or (kind == "cuda" and number.isdecimal())
        require(known, "device", cfg.device, "auto, cpu, cuda or cuda:N")
    return Settings(
        config,
        overrides,
        data,
        cfg.device,
        faults.build("architecture", ARCHITECTURES, config["architecture"]),
        faults.build("optimizer", OPTIMIZERS, config["optimizer"]),
        faults.build("schedule", SCHEDULES, config["schedule"]),
        faults.build("dropout", {config["dropout"]["name"]: dropout}, config["dropout"]),
    )


def _run_folder(*, _root_: DictConfig) -> str:
    """``${run_folder:}``: the name of a run's folder, for launchers that know nothing of records."""
    hydra = _root_.hydra
    number = 0 if OmegaConf.is_missing(hydra.job, "num") else hydra.job.num
    return Folders(Path(hydra.sweep.dir)).name(key_of(identity(_root_)), number)


OmegaConf.register_resolver("run_folder", _run_folder, replace=True)
