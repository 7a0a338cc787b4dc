"""Settings become a run that can train: with its data set, its model and a device."""

import json
import os
from functools import cache, partial

import torch

from hpsearch.components import registry
from hpsearch.components.architecture.classifiers import CLASSIFIERS
from hpsearch.components.data.dataset import Dataset
from hpsearch.components.data.load import dataset_of, parts_of, rows_of
from hpsearch.components.data.raw import Raw
from hpsearch.components.init import INITS
from hpsearch.components.normalization import NORMALIZATIONS
from hpsearch.components.split import SPLITS
from hpsearch.engine.classifier_trainer import ClassifierSpec, ClassifierStackSpec, ClassifierTrainer
from hpsearch.engine.spec import LaneSpec, StackKey, StackSpec, stack_key
from hpsearch.engine.trainer import StackTrainer
from hpsearch.errors import require
from hpsearch.record.file import key_of
from hpsearch.task.config import Settings
from hpsearch.task.faults import Faults
from hpsearch.workers.run import Run


class Builder:
    """Builds the runs of a sweep. Faults go to `faults`."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._datasets: dict[tuple[str, ...], Dataset | None] = {}  # None: has a fault, which is reported once
        self.warnings: dict[str, None] = {}  # of the data, in order
        self._stacks: dict[StackKey, StackSpec | None] = {}  # None: has a fault, which is reported once

    def run(self, settings: Settings) -> Run | None:
        """The run of settings without a fault, or None and a fault."""
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
        key = stack_key(config | _drawn(settings), device)
        if key not in self._stacks:
            self._stacks[key] = self._stack(settings, device)
        stack = self._stacks[key]
        if stack is None:
            return None
        lane = LaneSpec(
            config["seed"],
            config["epochs"],
            config["lr"],
            settings.optimizer,
            settings.schedule,
            init,
            settings.dropout,
        )
        return Run(config, key_of(config), settings.overrides, key, lane, stack, partial(StackTrainer, stack))

    def _classifier(self, settings: Settings) -> Run | None:
        config = settings.config
        data = self.dataset(settings)
        estimator = self._faults.build("architecture", CLASSIFIERS, config["architecture"])
        if data is None or estimator is None:
            return None
        stack, lane = ClassifierStackSpec(data), ClassifierSpec(estimator, config["seed"])
        shared = {key: value for key, value in config.items() if key not in ("architecture", "seed")}
        key = stack_key(shared | _drawn(settings), stack.device)
        return Run(config, key_of(config), settings.overrides, key, lane, stack, partial(ClassifierTrainer, stack))

    def dataset(self, settings: Settings) -> Dataset | None:
        """The data set of a run, or None and a fault. Runs with the same split share it."""
        faults, before = self._faults, len(self._faults.lines)
        data, split, preprocessing = map(json.dumps, (settings.data, settings.split, settings.preprocessing))
        seed = _drawn(settings).get("drawn")
        key = data, split, preprocessing, str(seed)
        if key not in self._datasets:
            self._datasets[key] = None
            with faults.of("data"):
                rows = rows_of(data)
            if len(faults.lines) == before and isinstance(rows, Raw):
                with faults.of("split"):
                    parts_of(data, split, seed)
            if len(faults.lines) == before:
                with faults.of("preprocessing"):
                    self._datasets[key] = found = dataset_of(data, split, preprocessing, seed)
                    self.warnings |= dict.fromkeys(found.warnings)
        return self._datasets[key]

    def _stack(self, settings: Settings, device: torch.device) -> StackSpec | None:
        faults, config = self._faults, settings.config
        data = self.dataset(settings)
        normalization = faults.build("normalization", NORMALIZATIONS, config["normalization"])
        if data is None or normalization is None:
            return None
        batch_size, samples, before = config["batch_size"], len(data.train), len(faults.lines)
        with faults.of("architecture"):
            model = settings.architecture(data.features, data.target.outputs, normalization)
            _check_memory(model.parameters, device)
        with faults:
            require(batch_size <= samples, "batch_size", batch_size, f"between 1 and the {samples} training samples")
            single = normalization.needs_two_samples and (samples % batch_size == 1 or batch_size == 1)
            name = config["normalization"]["name"]
            must = f"another size for normalization={name}: it leaves a batch of 1 of {samples}"
            require(not single, "batch_size", batch_size, must)
        if len(faults.lines) > before:
            return None
        precision = config["precision"]
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        return StackSpec(data, model, batch_size, device, dtype, tf32=precision == "tf32")


def _drawn(settings: Settings) -> dict[str, int]:
    """The seed that the run's split is drawn by, if it depends on the run's."""
    options = {key: value for key, value in settings.split.items() if key != "fingerprint"}
    return {"drawn": settings.config["seed"]} if registry.build(SPLITS, options).per_seed else {}


def _check_memory(parameters: int, device: torch.device) -> None:
    """Raise ValueError if a net cannot fit, because a system that overcommits memory would end the whole sweep."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if device.type == "cuda":
        there = torch.cuda.get_device_properties(device).total_memory
    need = 8 * parameters  # float32, with gradients
    if need > there:
        size = f"take {need >> 30:,} GiB, and {device} has {there >> 30:,}"
        raise ValueError(f"{parameters:,} parameters and their gradients {size}; lower width or depth")


@cache
def _device(name: str) -> torch.device:
    """auto, cpu, cuda or cuda:N. Raises OutOfRange for a device that is not there."""
    count = torch.cuda.device_count()
    kind, _, number = name.partition(":")
    if name == "auto":
        return torch.device("cuda:0" if count else "cpu")
    there = kind == "cpu" or int(number or 0) < count
    found = f"the CUDA devices here are cuda:0 to cuda:{count - 1}" if count else "there is no CUDA device here"
    require(there, "device", name, f"another device: {found}; device=cpu always works")
    return torch.device(name if number or kind == "cpu" else "cuda:0")
