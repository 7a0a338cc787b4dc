"""Small programs and runs for the tests."""

from typing import Any

import numpy as np
import torch

from hpsearch.data import Dataset, Part
from hpsearch.init import INITS
from hpsearch.layers import NORMALIZATIONS
from hpsearch.models import MLP
from hpsearch.optim import OPTIMIZERS
from hpsearch.schedules import SCHEDULES
from hpsearch.stack import Program, Run

ONE_CYCLE = {"warmup": 0.3, "start": 0.04, "final": 0.0}


def dataset(train: int = 100, features: int = 12, classes: int = 4, held_out: int = 40) -> Dataset:
    """Classes around random centres, so that a few steps learn something."""
    rng = np.random.default_rng(0)
    centres = 1.5 * rng.normal(size=(classes, features))

    def part(n: int) -> Part:
        y = rng.integers(classes, size=n)
        x = centres[y] + rng.normal(size=(n, features))
        return Part(torch.tensor(x, dtype=torch.float32), torch.tensor(y))

    return Dataset(part(train), part(held_out), part(held_out), classes)


def program(
    data: Dataset,
    widths: tuple[int, ...] = (16, 9),
    batch_size: int = 32,
    normalization: str = "none",
    activation: str = "relu",
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Program:
    """An MLP on `data`."""
    model = MLP(data.features, data.classes, widths, NORMALIZATIONS[normalization](), activation)
    where = torch.device(device)
    return Program(data.to(where, dtype), model, batch_size, where, dtype)


def run(seed: int = 0, **options: Any) -> Run:
    """A run; options are those of `Run`, with names for optimizer, schedule and init."""
    optimizer = options.pop("optimizer", "sgd")
    optimizer, arguments = optimizer if isinstance(optimizer, tuple) else (optimizer, {})
    schedule = options.pop("schedule", "constant")
    schedules = {"constant": {}, "cosine": {"final": 0.0}, "one_cycle": ONE_CYCLE}
    defaults = {"epochs": 2, "lr": 0.1, "dropout": 0.0}
    return Run(
        seed=seed,
        optimizer=OPTIMIZERS[optimizer](**arguments),
        schedule=SCHEDULES[schedule](**schedules[schedule]),
        init=INITS[options.pop("init", "default")],
        **(defaults | options),
    )
