"""What of a configuration can be judged without torch: its numbers, and most of its groups."""

import math
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from hpsearch.architectures import ARCHITECTURES
from hpsearch.classifiers import CLASSIFIERS
from hpsearch.config import identity
from hpsearch.faults import Faults
from hpsearch.optim import OPTIMIZERS
from hpsearch.ranges import require
from hpsearch.schedules import SCHEDULES

PRECISIONS = ("float32", "tf32", "bfloat16")


@dataclass(frozen=True)
class Settings:
    """config: the configuration, plain. data: the options of its data set. The other fields are a net's; those that
    have a fault are None."""

    config: dict[str, Any]
    data: dict[str, Any]
    device: str = "auto"
    architecture: Any = None
    optimizer: Any = None
    schedule: Any = None
    dropout: Any = None


def read(cfg: DictConfig, faults: Faults) -> Settings:
    """Raises UsageError where a value has no value; every other fault goes to `faults`."""
    config = identity(cfg)
    root = cfg.data.get("root")
    data = config["data"] | ({} if root is None else {"root": root})
    if config["architecture"]["name"] in CLASSIFIERS:
        return Settings(config, data)
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
        data,
        cfg.device,
        faults.build("architecture", ARCHITECTURES, config["architecture"]),
        faults.build("optimizer", OPTIMIZERS, config["optimizer"]),
        faults.build("schedule", SCHEDULES, config["schedule"]),
        faults.build("dropout", {config["dropout"]["name"]: dropout}, config["dropout"]),
    )


def dropout(p: float) -> float:
    """The probability itself. Raises ValueError for one out of range."""
    require(0 <= p < 1, "p", p, "at least 0 and below 1")
    return p
