"""The typed schema of a configuration, and what of it makes a run's identity.

Groups are open mappings: they hold the arguments of the function that their `name` selects, and that function
checks them. Hydra rejects a key that no file of `conf/` names.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hpsearch.classifiers import CLASSIFIERS, READS
from hpsearch.record import Folders, key_of
from hpsearch.usage import UsageError

Group = dict[str, Any]


@dataclass
class Config:
    """What `task` reads. See ``conf/config.yaml`` for the meaning of each key."""

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


ConfigStore.instance().store("schema", Config)

NOT_THE_RUN = ("hydra", "name", "report", "confirm", "device", "plan", "trial")


def identity(cfg: DictConfig) -> dict[str, Any]:
    """The configuration as the record keeps it, plain and resolved: what decides a run's numbers.

    Left out is what does not: Hydra's own part, what concerns the sweep, the device, where the data lie, the
    optimizer's default learning rate, which has become `lr`, and for a classifier all that only nets read. Raises
    UsageError for a value that has no value.
    """
    config: dict[str, Any] = {}
    for key in cfg:
        if key not in NOT_THE_RUN:
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


def without_hydra(config: DictConfig) -> DictConfig:
    """The task's part of Hydra's whole configuration: its own nodes, for copies of them take 2 ms."""
    part = DictConfig({})
    part.__dict__["_content"] = {key: node for key, node in config.__dict__["_content"].items() if key != "hydra"}
    return part


def _run_folder(*, _root_: DictConfig) -> str:
    """``${run_folder:}``: the name of a run's folder, for launchers that know nothing of records."""
    hydra = _root_.hydra
    number = 0 if OmegaConf.is_missing(hydra.job, "num") else hydra.job.num
    return Folders(Path(hydra.sweep.dir)).name(key_of(identity(_root_)), number)


OmegaConf.register_resolver("run_folder", _run_folder, replace=True)
