"""Settings become a run that can train: with its data set, its model and a device.

Long, because the checks of a net, a classifier and their data share what they have found.
"""

import json
import math
from functools import partial
from typing import Any

import torch

from hpsearch.components.architecture.classifiers import CLASSIFIERS
from hpsearch.components.data.dataset import Dataset
from hpsearch.components.data.load import content_of
from hpsearch.components.init import INITS
from hpsearch.components.metric import Metric, metric_of
from hpsearch.components.normalization import NORMALIZATIONS
from hpsearch.engine.classifier_trainer import ClassifierSpec, ClassifierStackSpec, ClassifierTrainer
from hpsearch.engine.spec import LaneSpec, StackKey, StackSpec, stack_key
from hpsearch.engine.trainer import StackTrainer
from hpsearch.errors import require
from hpsearch.record.file import key_of
from hpsearch.task.config import Settings
from hpsearch.task.datasets import Datasets
from hpsearch.task.faults import Faults
from hpsearch.task.fits import check_memory, check_target, device_of
from hpsearch.task.model import model_of
from hpsearch.task.part_trials import try_activation, try_classifier, try_init, try_metric, try_optimizer, try_schedule
from hpsearch.workers.run import Run


class Builder:
    """Builds the runs of a sweep. Faults go to `faults`."""

    def __init__(self, faults: Faults, away: bool = False) -> None:
        """away: True if the runs train on another machine, so that nothing is known of their device."""
        self._faults, self._away = faults, away
        self.datasets = Datasets(faults)
        self._stacks: dict[StackKey, StackSpec | None] = {}  # None: has a fault, which is reported once

    def run(self, settings: Settings) -> Run | None:
        """The run of settings without a fault, or None and a fault."""
        faults, config = self._faults, settings.config
        if config["architecture"]["name"] in CLASSIFIERS:
            return self._classifier(settings)
        init = faults.build("init", INITS, config["init"], bind=True)
        if init is not None:
            with faults.of("init"):
                try_init(config["init"]["name"], init)
        with faults.of("schedule"):
            try_schedule(config["schedule"]["name"], settings.schedule)
        with faults.of("optimizer"):
            try_optimizer(config["optimizer"]["name"], settings.optimizer)
        with faults.of("architecture"):
            try_activation(config["architecture"].get("activation"))
        device = torch.device("cpu")
        if not self._away:
            with faults:
                device = device_of(settings.device)
                there = device.type == "cuda" or config["precision"] != "tf32"
                require(there, "precision", "tf32", "float32 or bfloat16 on the CPU; tf32 is a format of CUDA devices")
        data = self.datasets.of(settings)
        metrics = None if data is None else self._metrics(settings, data)
        key = stack_key(_shared(config, data), device)
        if key not in self._stacks:
            self._stacks[key] = self._stack(settings, device, data, metrics)
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
            settings.dropout[0],
            None if data is stack.data else data,
            settings.get("warmup"),
            settings.get("clip") or math.inf,
            settings.get("label_smoothing"),
            settings.get("class_weights") == "balanced",
            settings.get("ema"),
            settings.get("patience"),
            settings.get("decay_biases"),
        )
        trainer = partial(StackTrainer, stack)
        return Run(config, key_of(config), settings.overrides, key, lane, stack, trainer, _content(settings))

    def _classifier(self, settings: Settings) -> Run | None:
        config = settings.config
        data = self.datasets.of(settings)
        estimator = self._faults.build("architecture", CLASSIFIERS, config["architecture"])
        if data is None or estimator is None:
            return None
        metrics, before = self._metrics(settings, data), len(self._faults.lines)
        kind, name = data.target.kind, config["architecture"]["name"]
        with self._faults.of("architecture"):
            require(kind == "classification", "name", name, f"a net: {name} is a classifier, and the data a {kind}")
            try_classifier(estimator, config["seed"], data)
        for metric in metrics or ():
            with self._faults:
                known = metric.reads == "labels" or hasattr(estimator, "predict_proba")
                require(known, "metric", metric.name, f"one of class labels: {name} has no probabilities")
        if metrics is None or len(self._faults.lines) > before:
            return None
        stack = ClassifierStackSpec(data, metric=metrics[0], more=metrics[1:])
        lane = ClassifierSpec(estimator, config["seed"], data)
        shared = {key: value for key, value in _shared(config, data).items() if key != "architecture"}
        key = stack_key(shared, stack.device)
        trainer = partial(ClassifierTrainer, stack)
        return Run(config, key_of(config), settings.overrides, key, lane, stack, trainer, _content(settings))

    def _stack(
        self,
        settings: Settings,
        device: torch.device,
        data: Dataset | None,
        metrics: tuple[Metric, ...] | None,
    ) -> StackSpec | None:
        faults, config = self._faults, settings.config
        normalization = faults.build("normalization", NORMALIZATIONS, config["normalization"])
        if data is None or normalization is None:
            return None
        batch_size, samples, before = config["batch_size"], len(data.train), len(faults.lines)
        with faults.of("architecture"):
            model = model_of(settings, data, normalization, device)
            check_memory(model.parameters, device)
        with faults:
            require(batch_size <= samples, "batch_size", batch_size, f"between 1 and the {samples} training samples")
            single = normalization.needs_two_samples and (samples % batch_size == 1 or batch_size == 1)
            name = config["normalization"]["name"]
            must = f"another size for normalization={name}: it leaves a batch of 1 of {samples}"
            require(not single, "batch_size", batch_size, must)
        with faults:
            check_target(settings, data)
        if len(faults.lines) > before or metrics is None:
            return None
        precision = config["precision"]
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        return StackSpec(
            data,
            model,
            batch_size,
            device,
            dtype,
            precision == "tf32",
            metrics[0],
            metrics[1:],
            settings.augmentation,
            settings.get("mc_dropout"),
            settings.weights != "none",
        )

    def _metrics(self, settings: Settings, data: Dataset) -> tuple[Metric, ...] | None:
        """The metric that selects, and the further ones; None and a fault."""
        with self._faults:
            kind = data.target.kind
            first = metric_of(settings.get("metric"), kind)
            more = [metric_of(name, kind, "metrics") for name in settings.get("metrics")]
            try_metric(first, data, "metric")
            for metric in more:
                try_metric(metric, data, "metrics")
            return first, *(metric for metric in dict.fromkeys(more) if metric != first)
        return None


def _content(settings: Settings) -> dict[str, Any]:
    return {"data": content_of(json.dumps(settings.data))}


def _shared(config: dict[str, Any], data: Dataset | None) -> dict[str, Any]:
    """A configuration without its split and preprocessing: lanes may differ in them if the sizes are equal."""
    sizes = [] if data is None else [len(data.train), len(data.validation), len(data.test), *data.shape]
    return {key: value for key, value in config.items() if key not in ("split", "preprocessing")} | {"sizes": sizes}
