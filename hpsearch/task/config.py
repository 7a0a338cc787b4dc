"""The configuration of a run: its typed schema, and its checks without torch.

Groups are open mappings: they hold the arguments of the function that their `name` selects, and that function checks
them. Hydra rejects a key that no file of `conf/` names.

Long, because the keys and their ranges are read side by side.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from types import SimpleNamespace
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf

from hpsearch.components.architecture.classifiers import CLASSIFIERS, READS
from hpsearch.components.architecture.options import ARCHITECTURES, check_layers
from hpsearch.components.augmentation import AUGMENTATIONS
from hpsearch.components.dropout import dropout
from hpsearch.components.optimizer import OPTIMIZERS
from hpsearch.components.preprocessing import PREPROCESSINGS
from hpsearch.components.schedule import SCHEDULES
from hpsearch.components.split import SPLITS
from hpsearch.errors import UsageError, require, typed
from hpsearch.record.implied import ADDED, DEFAULT
from hpsearch.task.faults import Faults
from hpsearch.task.identity import NOT_IDENTITY, identity_of, located, resolved

Group = dict[str, Any]
PRECISIONS = ("float32", "tf32", "bfloat16")
WEIGHTS = ("winner", "all", "none")
MOST_EPOCHS = 1_000_000
MOST_PASSES = 100_000
LARGEST = 2**63 - 1  # whole number that tables and databases hold


@dataclass
class Config:
    """The keys of a configuration. See ``conf/config.yaml`` for the meaning of each."""

    data: Group = field(default_factory=dict)
    split: Group = field(default_factory=dict)
    preprocessing: Group = field(default_factory=dict)
    architecture: Group = field(default_factory=dict)
    optimizer: Group = field(default_factory=dict)
    init: Group = field(default_factory=dict)
    dropout: Group = field(default_factory=dict)
    normalization: Group = field(default_factory=dict)
    schedule: Group = field(default_factory=dict)
    augmentation: Group = field(default_factory=dict)
    lr: float = MISSING
    seed: int = MISSING
    epochs: int = MISSING
    batch_size: int = MISSING
    warmup: float = 0.0
    clip: float | None = None
    label_smoothing: float = 0.0
    class_weights: str | None = None
    ema: float = 0.0
    patience: int | None = None
    decay_biases: bool = True
    metric: str = "auto"
    metrics: list[str] = field(default_factory=list)
    mc_dropout: int = 0
    lanes_together: Any = "auto"
    weights: str = "winner"
    checkpoint: float | None = 60.0
    precision: str = MISSING
    device: str = MISSING
    name: str = MISSING
    report: bool = True
    confirm: int = 0
    retrain: Any = None  # or a mapping
    plan: bool = False
    trial: int | None = None
    plugins: list[str] = field(default_factory=list)
    tracker: Group = field(default_factory=dict)


ConfigStore.instance().store("hpsearch_schema", Config, provider="hpsearch")
KEYS = tuple(each.name for each in fields(Config))
GROUPS = tuple(each.name for each in fields(Config) if each.type is Group)


@dataclass(frozen=True)
class Settings:
    """A configuration as plain values, checked as far as that needs no torch.

    config: as in the record. overrides: the command line of the run alone. data, split, preprocessing: their options,
    with the files and the folder that they lie in. The other fields are None for a classifier, and where there is a
    fault.
    """

    config: dict[str, Any]
    overrides: list[str]
    data: Group
    split: Group
    preprocessing: Group
    device: str = "auto"
    architecture: Any = None
    optimizer: Any = None
    schedule: Any = None
    dropout: Any = None
    augmentation: Any = None
    weights: str = "none"

    def get(self, key: str) -> Any:
        """The value of a key that is left out of `config` if it is the one that older versions implied."""
        return self.config.get(key, ADDED[key])


def read(cfg: DictConfig, overrides: list[str], faults: Faults) -> Settings:
    """The settings of a configuration; its faults go to `faults`. Raises UsageError as `identity`."""
    check_keys(cfg)
    values = resolved(cfg, also=("device", "weights", "checkpoint"))
    given, config = SimpleNamespace(**values), identity_of(values)
    check_values(config)
    data, split = located(values, config, "data"), located(values, config, "split")
    preprocessing = config.get("preprocessing", DEFAULT)
    faults.build("split", SPLITS, split)
    faults.build("preprocessing", PREPROCESSINGS, preprocessing, bind=True)
    if config["architecture"]["name"] in CLASSIFIERS:
        return Settings(config, overrides, data, split, preprocessing)
    with faults:
        require(0 < config["lr"] < math.inf, "lr", config["lr"], "a number above 0")
    for key, low, high, must in (
        ("epochs", 1, MOST_EPOCHS + 1, f"at least 1 and at most {MOST_EPOCHS:,}"),
        ("batch_size", 1, math.inf, "at least 1"),
        ("warmup", 0, math.inf, "a number of epochs, at least 0"),
        ("label_smoothing", 0, 1, "at least 0 and below 1"),
        ("ema", 0, 1, "a decay, at least 0 and below 1"),
        ("mc_dropout", 0, MOST_PASSES + 1, f"at least 0 and at most {MOST_PASSES:,}"),
    ):
        with faults:
            require(low <= values[key] < high, key, values[key], must)
    with faults:
        require(given.clip is None or 0 < given.clip < math.inf, "clip", given.clip, "a norm above 0, or null")
    with faults:
        require(given.patience is None or given.patience >= 1, "patience", given.patience, "at least 1 epoch, or null")
    with faults:
        require(given.class_weights in (None, "balanced"), "class_weights", given.class_weights, "balanced or null")
    with faults:
        require(
            given.checkpoint is None or given.checkpoint >= 0,
            "checkpoint",
            given.checkpoint,
            "at least 0 seconds, or null",
        )
    with faults:
        require(given.weights in WEIGHTS, "weights", given.weights, f"one of {', '.join(WEIGHTS)}")
    optimizer = faults.build("optimizer", OPTIMIZERS, config["optimizer"])
    with faults:
        decays = optimizer is None or (is_dataclass(optimizer) and hasattr(optimizer, "weight_decay"))
        must = f"true for optimizer={config['optimizer']['name']}, which has no weight_decay"
        require(given.decay_biases or decays, "decay_biases", "false", must)
    with faults:
        require(config["precision"] in PRECISIONS, "precision", config["precision"], f"one of {', '.join(PRECISIONS)}")
    with faults:
        kind, _, number = given.device.partition(":")
        known = given.device in ("auto", "cpu", "cuda") or (kind == "cuda" and number.isdecimal())
        require(known, "device", given.device, "auto, cpu, cuda or cuda:N")
    architecture = faults.build("architecture", ARCHITECTURES, config["architecture"])
    with faults:
        check_layers(architecture, config, given.lanes_together)
    return Settings(
        config,
        overrides,
        data,
        split,
        preprocessing,
        given.device,
        architecture,
        optimizer,
        faults.build("schedule", SCHEDULES, config["schedule"]),
        faults.build("dropout", {config["dropout"]["name"]: dropout}, config["dropout"]),
        faults.build("augmentation", AUGMENTATIONS, given.augmentation),
        given.weights,
    )


def check_keys(cfg: DictConfig) -> None:
    """Raise UsageError for a key that is missing, and for one that no run reads."""
    given, faults = [str(key) for key in cfg.keys()], []  # noqa: SIM118  # keys() resolves nothing, which takes long
    for key in KEYS:
        if key not in given:
            faults.append(f"{key}: is missing; every run needs it, as in hpsearch's own config.yaml")
    for key in given:
        if key not in KEYS and key != "hydra":
            near = get_close_matches(key, KEYS, n=1)
            shown = f"{key}={typed(OmegaConf.select(cfg, key, throw_on_missing=False))}"
            faults.append(f"{shown}: no run reads a key of this name{f'; did you mean {near[0]}?' if near else ''}")
    if faults:
        raise UsageError(faults)


def check_values(config: dict[str, Any]) -> None:
    """Raise UsageError for values that no record can hold: whole numbers of more than 64 bits."""
    faults = [
        f"{path}={value}: must be a whole number from -{LARGEST} to {LARGEST}"
        for path, value in leaves(config)
        if isinstance(value, int) and abs(value) > LARGEST
    ]
    if faults:
        raise UsageError(faults)


def unread(runs: Sequence[Settings]) -> list[str]:
    """A line for each typed key of nets that no run reads, because all are classifiers."""
    if not all(run.config["architecture"]["name"] in CLASSIFIERS for run in runs):
        return []
    faults = {}
    for run in runs:
        for line in run.overrides:
            key = line.lstrip("+~").partition("=")[0]
            if key.partition(".")[0] in set(KEYS) - {*READS, *NOT_IDENTITY}:
                name = run.config["architecture"]["name"]
                faults[key] = f"{line}: architecture={name} does not read it, because it is no net; leave it out"
    return list(faults.values())


def check_finite(config: dict[str, Any], faults: Faults) -> None:
    """Note each number of a group that a record, as JSON, cannot hold, unless it has a fault already."""
    for path, value in leaves({key: value for key, value in config.items() if isinstance(value, dict)}):
        infinite = isinstance(value, float) and not math.isfinite(value)
        if infinite and not any(line.startswith(f"{path}=") for line in faults.lines):
            faults.lines.append(f"{path}={value}: must be a finite number")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The path of each value that is no list and no mapping, and the value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    else:
        yield path, value
