"""The nets and data sets that are trained here, as hpsearch's programs; the plain loops read their sizes from them."""

import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch
import yaml
from torch import Tensor, nn

from benchmarks import folds
from hpsearch.cli.program import CONF
from hpsearch.components.architecture.cnn import CNN
from hpsearch.components.architecture.mlp import MLP
from hpsearch.components.architecture.module import ModuleModel
from hpsearch.components.architecture.module_trial import settled
from hpsearch.components.data.dataset import Dataset
from hpsearch.components.data.load import load
from hpsearch.components.init import INITS
from hpsearch.components.metric import METRICS
from hpsearch.components.normalization import NoNorm
from hpsearch.components.optimizer import Adam
from hpsearch.components.schedule import SCHEDULES, Schedule
from hpsearch.engine.spec import LaneSpec, StackSpec

T = TypeVar("T")

CPU = torch.device("cpu")
THREADS = os.cpu_count() or 1
ROOT = Path(os.environ.get("HPSEARCH_DATA", "data")).absolute()


def digits_program(*widths: int) -> StackSpec:
    """The quickstart's: 64-64-64-10, or other widths; batch 64."""
    dataset = load({"name": "digits", "validation": 180, "test": 180, "split_seed": 0})
    return _program(dataset, widths or (64, 64), 64)


def fashion_program(dtype: torch.dtype = torch.float32, device: str = "cpu") -> StackSpec:
    """The paper's: 784-400-400-10, batch 512; in TF32 on a CUDA device."""
    where = torch.device(device)
    dataset = load({"name": "fashion_mnist", "root": str(ROOT), "validation": 6000, "split_seed": 0}).to(where, dtype)
    return _program(dataset, (400, 400), 512, where, dtype)


class Linears(nn.Module):
    """A net as a user writes it: 64-64-64-10 for digits."""

    def __init__(self, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(math.prod(inputs), 64), nn.Linear(64, 64)
        self.last = nn.Linear(64, outputs)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.last(torch.relu(self.second(torch.relu(self.first(x.flatten(1))))))
        return outputs


def digits_module_program() -> StackSpec:
    """The quickstart's net as a user's module."""
    dataset = load({"name": "digits", "validation": 180, "test": 180, "split_seed": 0})
    return _module_program(dataset, Linears, {}, 64)


def fashion_cnn_program() -> StackSpec:
    """``architecture=cnn`` with its defaults, batch 128."""
    dataset = load({"name": "fashion_mnist", "root": str(ROOT), "validation": 6000, "split_seed": 0})
    options = yaml.safe_load((CONF / "architecture" / "cnn.yaml").read_text(encoding="utf-8"))
    del options["name"]
    return _module_program(dataset, CNN, options, 128)


def folds_program(table: Path, schedule: Schedule | None = None) -> tuple[StackSpec, list[LaneSpec]]:
    """The cross-validation of `benchmarks.folds`: the grid's configurations, the folds of each one after the other."""
    data = {"name": "table", "path": str(table)}
    split = {"name": "kfold", "folds": folds.FOLDS, "test": folds.TEST}
    datasets = [load(data, split, seed=fold) for fold in range(folds.FOLDS)]
    lanes = [
        LaneSpec(
            fold,
            folds.EPOCHS,
            lr,
            Adam(weight_decay=decay),
            schedule or SCHEDULES["constant"](),
            INITS["default"],
            dropout=0.0,
            data=dataset,
            decay_biases=False,
        )
        for lr, decay in folds.GRID
        for fold, dataset in enumerate(datasets)
    ]
    program = _program(datasets[0], folds.WIDTHS, folds.BATCH)
    return replace(program, metric=METRICS["rmse"]), lanes


def _module_program(dataset: Dataset, cls: type[nn.Module], options: dict[str, Any], batch_size: int) -> StackSpec:
    model = ModuleModel(cls, dataset.shape, dataset.target.outputs, options)
    return StackSpec(dataset, settled(model, dataset.train.x[:2], CPU), batch_size, CPU)


def _program(
    dataset: Dataset,
    widths: tuple[int, ...],
    batch_size: int,
    device: torch.device = CPU,
    dtype: torch.dtype = torch.float32,
) -> StackSpec:
    model = MLP(dataset.features, dataset.target.outputs, widths, NoNorm())
    return StackSpec(dataset, model, batch_size, device, dtype, tf32=device.type == "cuda")


def on_all_cores(function: Callable[[], T]) -> Callable[[], T]:
    """The function, after a case before it may have asked PyTorch for one thread."""

    def threaded() -> T:
        torch.set_num_threads(THREADS)
        return function()

    return threaded


def on_one_core(function: Callable[[], T]) -> Callable[[], T]:
    """The function, with one thread for PyTorch."""

    def threaded() -> T:
        torch.set_num_threads(1)
        return function()

    return threaded
