"""The nets and data sets that are trained here, as hpsearch's programs; the plain loops read their sizes from them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

from hpsearch.components.architecture.mlp import MLP
from hpsearch.components.data.dataset import Dataset
from hpsearch.components.data.load import load
from hpsearch.components.normalization import NoNorm
from hpsearch.engine.spec import StackSpec

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
