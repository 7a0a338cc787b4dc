"""Settings become a job that can run: with its data set, its model and a device."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch

from hpsearch import data, record
from hpsearch.classifiers import CLASSIFIERS
from hpsearch.engine import Training
from hpsearch.faults import Faults
from hpsearch.fit import Fit, FitProgram, Fitting
from hpsearch.init import INITS
from hpsearch.layers import NORMALIZATIONS
from hpsearch.ranges import require
from hpsearch.settings import Settings
from hpsearch.stack import Program, Run, stack_key

DATASETS = {name: partial(data.load, name) for name in data.DATASETS}
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


class Builder:
    """Makes the jobs of a sweep; what is wrong with them goes to `faults`."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._programs: dict[Stack, Program | None] = {}

    def job(self, settings: Settings) -> Job | None:
        """The job of settings without a fault, or None and a fault."""
        faults, config = self._faults, settings.config
        if config["architecture"]["name"] in CLASSIFIERS:
            return self._classifier(settings)
        init = faults.build("init", INITS, config["init"], bind=True)
        if init is not None:
            with faults.of("init"):
                init(torch.empty(2, 2), generator=torch.Generator())
        device = torch.device("cpu")
        with faults:
            device = _device(settings.device)
            there = device.type == "cuda" or config["precision"] != "tf32"
            require(there, "precision", "tf32", "float32 or bfloat16 on the CPU; tf32 is a format of CUDA devices")
        stack = stack_key(config), device
        if stack not in self._programs:  # also where it has failed: a missing data set is looked for once
            self._programs[stack] = self._program(settings, device)
        program = self._programs[stack]
        if program is None:
            return None
        run = Run(
            config["seed"],
            config["epochs"],
            config["lr"],
            settings.optimizer,
            settings.schedule,
            init,
            settings.dropout,
        )
        return Job(config, record.key_of(config), stack, run, program, partial(Training, program))

    def _classifier(self, settings: Settings) -> Job | None:
        config = settings.config
        dataset = self._faults.build("data", DATASETS, settings.data)
        estimator = self._faults.build("architecture", CLASSIFIERS, config["architecture"])
        if dataset is None or estimator is None:
            return None
        program = FitProgram(dataset)
        stack = json.dumps(config["data"], sort_keys=True), program.device
        fit = Fit(estimator, config["seed"])
        return Job(config, record.key_of(config), stack, fit, program, partial(Fitting, program))

    def _program(self, settings: Settings, device: torch.device) -> Program | None:
        faults, config = self._faults, settings.config
        dataset = faults.build("data", DATASETS, settings.data)
        normalization = faults.build("normalization", NORMALIZATIONS, config["normalization"])
        if dataset is None or normalization is None:
            return None
        batch_size, samples, before = config["batch_size"], len(dataset.train), len(faults.lines)
        with faults.of("architecture"):
            model = settings.architecture(dataset.features, dataset.classes, normalization)
            _check_memory(model.parameters, device)
        with faults:
            require(batch_size <= samples, "batch_size", batch_size, f"between 1 and the {samples} training samples")
            alone = normalization.needs_two_samples and (samples % batch_size == 1 or batch_size == 1)
            name = config["normalization"]["name"]
            must = f"another size for normalization={name}: it leaves a batch of 1 of {samples}"
            require(not alone, "batch_size", batch_size, must)
        if len(faults.lines) > before:
            return None
        precision = config["precision"]
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        return Program(dataset, model, batch_size, device, dtype, tf32=precision == "tf32")


def _check_memory(parameters: int, device: torch.device) -> None:
    """A system that promises more memory than it has would end the whole sweep, not a run."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if device.type == "cuda":
        there = torch.cuda.get_device_properties(device).total_memory
    need = 8 * parameters  # float32, with gradients
    if need > there:
        size = f"take {need >> 30:,} GiB, and {device} has {there >> 30:,}"
        raise ValueError(f"{parameters:,} parameters and their gradients {size}; lower width or depth")


@cache
def _device(name: str) -> torch.device:
    """auto, cpu, cuda or cuda:N. Raises ValueError for one that is not there."""
    count = torch.cuda.device_count()
    kind, _, number = name.partition(":")
    if name == "auto":
        return torch.device("cuda:0" if count else "cpu")
    there = kind == "cpu" or int(number or 0) < count
    found = f"the CUDA devices here are cuda:0 to cuda:{count - 1}" if count else "there is no CUDA device here"
    require(there, "device", name, f"another device: {found}; device=cpu always works")
    return torch.device(name if number or kind == "cpu" else "cuda:0")
