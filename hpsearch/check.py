"""A configuration becomes a job that can run, or a list of what is wrong with it."""

import json
import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import torch
from omegaconf import DictConfig

from hpsearch import data, record
from hpsearch.archives import DataError
from hpsearch.classifiers import CLASSIFIERS
from hpsearch.config import identity
from hpsearch.engine import Training
from hpsearch.fit import Fit, FitProgram, Fitting
from hpsearch.init import INITS
from hpsearch.layers import NORMALIZATIONS, dropout_probability
from hpsearch.models import ARCHITECTURES
from hpsearch.optim import OPTIMIZERS
from hpsearch.ranges import require
from hpsearch.schedules import SCHEDULES
from hpsearch.stack import Program, Run, stack_key
from hpsearch.usage import UsageError

PRECISIONS = {"float32": torch.float32, "tf32": torch.float32, "bfloat16": torch.bfloat16}
Stack = tuple[str, torch.device]


@dataclass(frozen=True)
class Job:
    """One configuration with one seed, checked: a `hpsearch.lanes.Work`."""

    config: dict[str, Any]
    key: str
    stack: Stack
    run: Run | Fit
    program: Program | FitProgram
    start: Callable[[], Training | Fitting]

    @property
    def here(self) -> bool:
        """Whether it must train in this process: on another device, or with threads of its own."""
        return isinstance(self.run, Fit) or self.program.device.type != "cpu"


def checked(cfgs: Sequence[DictConfig], folder: Path | None = None) -> list[Job]:
    """The jobs of these configurations. Raises UsageError with every fault in them, or if `folder` has no room."""
    jobs: list[Job] = []
    faults: list[str] = []
    programs: dict[Stack, Program | None] = {}
    for cfg in cfgs:
        try:
            jobs.append(_check(cfg, programs))
        except UsageError as error:
            faults += error.faults
    if folder is not None and (fault := record.fault_of_folder(folder, len(cfgs))):
        faults.append(fault)
    if faults:
        raise UsageError(list(dict.fromkeys(faults)))
    return jobs


def _check(cfg: DictConfig, programs: dict[Stack, Program | None]) -> Job:
    config = identity(cfg)
    if config["architecture"]["name"] in CLASSIFIERS:
        return _check_classifier(cfg, config)
    faults = _Faults()
    with faults:
        require(0 < config["lr"] < math.inf, "lr", config["lr"], "a number above 0")
    with faults:
        require(config["epochs"] >= 1, "epochs", config["epochs"], "at least 1")
    dropout = faults.build("dropout", {config["dropout"]["name"]: dropout_probability}, config["dropout"])
    optimizer = faults.build("optimizer", OPTIMIZERS, config["optimizer"])
    schedule = faults.build("schedule", SCHEDULES, config["schedule"])
    init = faults.build("init", INITS, config["init"], bind=True)
    if init is not None:
        with faults.of("init"):
            init(torch.empty(2, 2), generator=torch.Generator())
    device = torch.device("cpu")
    with faults:
        device = _device(cfg.device)
        require(config["precision"] in PRECISIONS, "precision", config["precision"], f"one of {', '.join(PRECISIONS)}")
        cuda = device.type == "cuda" or config["precision"] != "tf32"
        require(cuda, "precision", "tf32", "float32 or bfloat16 on the CPU; tf32 is a format of CUDA devices")
    key = stack_key(config), device
    if key not in programs:  # also where it has failed: a missing data set is looked for once, not for every job
        programs[key] = _program(config, cfg.data.get("root"), device, faults)
    program = programs[key]
    if program is None or faults:
        raise UsageError(faults.lines)
    run = Run(config["seed"], config["epochs"], config["lr"], optimizer, schedule, init, dropout)
    return Job(config, record.key_of(config), key, run, program, partial(Training, program))


def _check_classifier(cfg: DictConfig, config: dict[str, Any]) -> Job:
    faults = _Faults()
    dataset = _dataset(config, cfg.data.get("root"), faults)
    estimator = faults.build("architecture", CLASSIFIERS, config["architecture"])
    if dataset is None or estimator is None:
        raise UsageError(faults.lines)
    program = FitProgram(dataset)
    stack = json.dumps(config["data"], sort_keys=True), program.device
    return Job(config, record.key_of(config), stack, Fit(estimator, config["seed"]), program, partial(Fitting, program))


def _program(config: dict[str, Any], root: str | None, device: torch.device, faults: "_Faults") -> Program | None:
    dataset = _dataset(config, root, faults)
    normalization = faults.build("normalization", NORMALIZATIONS, config["normalization"])
    if dataset is None or normalization is None:
        return None
    sizes = dataset.features, dataset.classes, normalization
    model = faults.build("architecture", ARCHITECTURES, config["architecture"], *sizes)
    batch_size, samples = config["batch_size"], len(dataset.train)
    with faults:
        require(1 <= batch_size <= samples, "batch_size", batch_size, f"between 1 and the {samples} training samples")
        alone = normalization.needs_two_samples and (samples % batch_size == 1 or batch_size == 1)
        must = f"another size for normalization={config['normalization']['name']}: it leaves a batch of 1 of {samples}"
        require(not alone, "batch_size", batch_size, must)
    if model is not None:
        with faults.of("architecture"):
            _check_memory(model.parameters, device)
    if model is None or faults:
        return None
    precision = config["precision"]
    return Program(dataset, model, batch_size, device, PRECISIONS[precision], tf32=precision == "tf32")


def _check_memory(parameters: int, device: torch.device) -> None:
    """A system that promises more memory than it has would end the whole sweep, not a run."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if device.type == "cuda":
        there = torch.cuda.get_device_properties(device).total_memory
    need = 8 * parameters  # float32, with gradients
    if need > there:
        size = f"take {need >> 30:,} GiB, and {device} has {there >> 30:,}"
        raise ValueError(f"{parameters:,} parameters and their gradients {size}; lower width or depth")


def _dataset(config: dict[str, Any], root: str | None, faults: "_Faults") -> Any:
    options = config["data"] | ({} if root is None else {"root": root})
    return faults.build("data", {name: partial(data.load, name) for name in data.DATASETS}, options)


class _Faults:
    """Collects what is wrong with a configuration, a line each; as a context manager it catches one fault."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._group = ""

    def __bool__(self) -> bool:
        return bool(self.lines)

    def of(self, group: str) -> "_Faults":
        self._group = group
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        group, self._group = self._group, ""
        if error is None or not isinstance(error, (DataError, ValueError, TypeError, RuntimeError)):
            return error is None
        line = str(error).splitlines()[0]
        if group and not isinstance(error, DataError):
            line = f"{group}.{line}" if re.match(r"\w+=", line) else f"{group}: {line}"
        self.lines.append(line)
        return True

    def build(
        self, group: str, registry: dict[str, Any], options: dict[str, Any], *first: Any, bind: bool = False
    ) -> Any:
        """registry[name](*first, **other options), or None and a fault. bind: the function with these options."""
        options = dict(options)
        name = options.pop("name")
        with self.of(group):
            require(name in registry, "name", name, f"one of {', '.join(registry)}")
            _check_types(registry[name], options)
            return partial(registry[name], **options) if bind else registry[name](*first, **options)
        return None


def _check_types(function: Any, options: dict[str, Any]) -> None:
    hints = get_type_hints(getattr(function, "func", function))
    for key, value in options.items():
        hint = hints.get(key)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        require(hint is not float or number, key, value, "a number")
        require(hint is not int or (number and value == int(value)), key, value, "a whole number")
        require(hint is not bool or isinstance(value, bool), key, value, "true or false")


def _device(name: str) -> torch.device:
    """auto, cpu, cuda or cuda:N. Raises ValueError for another, or one that is not there."""
    count = torch.cuda.device_count()
    kind, _, number = name.partition(":")
    if name == "auto":
        return torch.device("cuda:0" if count else "cpu")
    known = name in ("cpu", "cuda") or (kind == "cuda" and number.isdecimal())
    require(known, "device", name, "auto, cpu, cuda or cuda:N")
    there = kind == "cpu" or int(number or 0) < count
    found = f"the CUDA devices here are cuda:0 to cuda:{count - 1}" if count else "there is no CUDA device here"
    require(there, "device", name, f"another device: {found}; device=cpu always works")
    return torch.device(name if number or kind == "cpu" else "cuda:0")
