"""The parts of a run that training needs: its own, a lane's, and the one that a stack shares.

Axes: K lanes, S steps of an epoch.
"""

import json
import math
from collections.abc import Hashable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hpsearch.components.architecture.model import Model
from hpsearch.components.augmentation import Augmentation
from hpsearch.components.data.dataset import Dataset
from hpsearch.components.init import Init
from hpsearch.components.metric import METRICS, Metric
from hpsearch.components.optimizer import Optimizer
from hpsearch.components.schedule import Schedule
from hpsearch.engine.checkpoint import Checkpoint

# Keys that a lane holds for itself. Every other key splits the stack, also one that is not known here, because runs
# grouped by too few keys would train with each other's settings.
PER_LANE = (
    *("seed", "epochs", "lr", "optimizer", "init", "schedule", "dropout.name", "dropout.p", "warmup", "clip"),
    *("label_smoothing", "class_weights", "ema", "patience", "decay_biases"),
)


@dataclass(frozen=True)
class LaneSpec:
    """The part of a run that may differ between the lanes of a stack.

    dropout: the probability of dropping a unit.
    data: a split of the data of its own, of the same sizes as the stack's; None: the stack's.
    warmup: the epochs in which lr rises from 0 in a straight line.
    clip: the largest norm of a step's gradients; larger ones are scaled down to it.
    label_smoothing: the share of the loss that all classes have in common.
    balanced: True to weigh each class by the inverse of its frequency.
    ema: the decay of the averaged weights, which are judged instead of the last ones; 0: no average.
    patience: the epochs without a better validation metric after which the run stops; None: it does not.
    decay_biases: False to keep the optimizer's weight decay from biases.
    checkpoint: the file that keeps its training; None: none does.
    """

    seed: int
    epochs: int
    lr: float
    optimizer: Optimizer
    schedule: Schedule
    init: Init
    dropout: float
    data: Dataset | None = None
    warmup: float = 0.0
    clip: float = math.inf
    label_smoothing: float = 0.0
    balanced: bool = False
    ema: float = 0.0
    patience: int | None = None
    decay_biases: bool = True
    checkpoint: Checkpoint | None = None

    @property
    def kind(self) -> Hashable:
        """Equal for lanes that are updated together."""
        return self.optimizer.kind, self.decay_biases


@dataclass(frozen=True)
class StackSpec:
    """The part of a run that all lanes of its stack share.

    dtype: of the computation; for bfloat16 the weights are float32 (see `weight_dtype`).
    metric: selects the best epoch; its history is kept. more: further metrics, of the end of a run.
    mc_dropout: passes with dropout left on, whose mean prediction is tested; 0: one pass without dropout.
    weights: True to give the net's tensors with a run's result.
    """

    data: Dataset
    model: Model
    batch_size: int
    device: torch.device
    dtype: torch.dtype = torch.float32
    tf32: bool = False
    metric: Metric = METRICS["accuracy"]
    more: tuple[Metric, ...] = ()
    augmentation: Augmentation = Augmentation()
    mc_dropout: int = 0
    weights: bool = False

    @property
    def weight_dtype(self) -> torch.dtype:
        """Of the weights and the optimizer state."""
        return torch.float32 if self.dtype == torch.bfloat16 else self.dtype

    @property
    def steps(self) -> int:
        """The batches of an epoch; the last one may be smaller."""
        return -(-len(self.data.train) // self.batch_size)


StackKey = tuple[str, torch.device]  # runs with equal keys can share a stack


def stack_key(config: dict[str, Any], device: torch.device) -> StackKey:
    """The key of a configuration, as the record keeps it: everything but `PER_LANE`, and the device."""
    shared = deepcopy(config)
    for path in PER_LANE:
        *groups, key = path.split(".")
        node = shared
        for group in groups:
            node = node.get(group, {})
        node.pop(key, None)
    return json.dumps(shared, sort_keys=True), device


def lane_values(
    specs: list[LaneSpec], first_steps: list[int], steps: int, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """The optimizer values of one epoch, [S, values, K, 1, 1], in the order of `Optimizer.values`.

    first_steps: the steps that each run has behind it; steps: S. Computed in float64 on the host, as `torch.optim`
    does, and sent to the device at once.
    """
    lanes = []
    for spec, first in zip(specs, first_steps, strict=True):
        step = first + np.arange(steps)
        lr = spec.lr * spec.schedule(step, spec.epochs * steps)
        if spec.warmup:
            lr = lr * np.minimum(1, (step + 1) / (spec.warmup * steps))
        lanes.append([np.broadcast_to(value, steps) for value in spec.optimizer.values(lr, step + 1).values()])
    table = np.array(lanes).transpose(2, 1, 0)  # from [K, values, S]
    return torch.from_numpy(np.ascontiguousarray(table)).to(device, dtype)[:, :, :, None, None]
