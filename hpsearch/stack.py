"""Which runs can share a stack, and their numbers side by side as lane vectors.

Axes: K lanes, S steps of an epoch.
"""

import json
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hpsearch.data import Dataset
from hpsearch.init import Init
from hpsearch.models import Model
from hpsearch.optim import Optimizer
from hpsearch.schedules import Schedule

# What a lane holds for itself. Everything else in a configuration splits the stack, also what is not known
# here: runs grouped by too little train with each other's settings.
PER_LANE = ("seed", "epochs", "lr", "optimizer", "init", "schedule", "dropout.name", "dropout.p")


@dataclass(frozen=True)
class Run:
    """What may differ between the lanes of a stack. `dropout` is the probability of dropping a unit."""

    seed: int
    epochs: int
    lr: float
    optimizer: Optimizer
    schedule: Schedule
    init: Init
    dropout: float


@dataclass(frozen=True)
class Program:
    """What all lanes of a stack share. The model computes in `dtype`; weights are bfloat16's float32 masters."""

    data: Dataset
    model: Model
    batch_size: int
    device: torch.device
    dtype: torch.dtype = torch.float32
    tf32: bool = False

    @property
    def weight_dtype(self) -> torch.dtype:
        return torch.float32 if self.dtype == torch.bfloat16 else self.dtype

    @property
    def steps(self) -> int:
        """Batches of an epoch; the last may be smaller."""
        return -(-len(self.data.train) // self.batch_size)


def stack_key(config: dict[str, Any]) -> str:
    """Runs whose configurations have equal keys can share a stack."""
    shared = deepcopy(config)
    for path in PER_LANE:
        *groups, key = path.split(".")
        node = shared
        for group in groups:
            node = node[group]
        node.pop(key, None)
    return json.dumps(shared, sort_keys=True)


def lane_values(
    runs: list[Run], first_steps: list[int], steps: int, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """The optimizers' numbers of one epoch, [S, values, K, 1, 1], in the order of their names in `Optimizer.values`.

    first_steps: the steps that each run has behind it; steps: S. Computed in float64 on the host, as
    `torch.optim` does, and sent to the device at once.
    """
    lanes = []
    for run, first in zip(runs, first_steps, strict=True):
        step = first + np.arange(steps)
        lr = run.lr * run.schedule(step, run.epochs * steps)
        lanes.append([np.broadcast_to(value, steps) for value in run.optimizer.values(lr, step + 1).values()])
    table = np.array(lanes).transpose(2, 1, 0)  # from [K, values, S]
    return torch.from_numpy(np.ascontiguousarray(table)).to(device, dtype)[:, :, :, None, None]
