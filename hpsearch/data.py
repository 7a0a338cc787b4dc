"""A data set is tensors: loaded, split and normalised once, then kept whole on the device.

To add one, write a function of its options that returns a `Dataset`, name it in `DATASETS` and add
``conf/data/<name>.yaml``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
import torch
from torch import Tensor

from hpsearch import archives
from hpsearch.ranges import require
from hpsearch.split import stratified

DIGITS = "sklearn/datasets/data/digits.csv.gz"  # read as it is: importing scikit-learn takes two seconds


@dataclass(frozen=True, eq=False)
class Part:
    """x: [n, features] floating point; y: [n] int64 class numbers."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training, validation and test part; `classes` is the number of classes.

    source: the arguments of `load`, which stand for it where it is pickled: the reader has it already or loads its own.
    """

    train: Part
    validation: Part
    test: Part
    classes: int
    source: tuple[str, dict[str, str | int]] | None = None

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        return super().__reduce_ex__(protocol) if self.source is None else (_loaded, self.source)

    @property
    def features(self) -> int:
        return self.train.x.shape[1]

    def to(self, device: torch.device, dtype: torch.dtype) -> "Dataset":
        """The same on a device, x in another dtype."""
        if (self.train.x.device, self.train.x.dtype) == (device, dtype):
            return self
        train, validation, test = (
            Part(part.x.to(device, dtype), part.y.to(device)) for part in (self.train, self.validation, self.test)
        )
        return replace(self, train=train, validation=validation, test=test, source=None)


def _split(x: np.ndarray, y: np.ndarray, size: int, seed: int) -> tuple[np.ndarray, ...]:
    """Stratified: (rest of x, drawn x, rest of y, drawn y)."""
    rest, drawn = stratified(y, size, seed)
    return x[rest], x[drawn], y[rest], y[drawn]


def _dataset(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
) -> Dataset:
    """Normalise by the mean and standard deviation of all training pixels, and make tensors."""
    mean, std = train[0].mean(dtype=np.float64), train[0].std(dtype=np.float64)

    def part(x: np.ndarray, y: np.ndarray) -> Part:
        return Part(torch.from_numpy(((x - mean) / std).astype(np.float32)), torch.from_numpy(y.astype(np.int64)))

    return Dataset(part(*train), part(*validation), part(*test), classes=int(train[1].max()) + 1)


def _check_split(samples: int, held_out: int, key: str, value: int) -> None:
    require(10 <= value <= samples - held_out - 10, key, value, f"between 10 and {samples - held_out - 10} samples")


def torchvision_set(dataset: str, root: str, validation: int, split_seed: int) -> Dataset:
    """One of torchvision's MNIST family; the validation part is split from the 60,000 training images."""
    train_x, train_y, test_x, test_y = archives.load(dataset, Path(root))
    x, y = train_x.flatten(1).numpy(), train_y.numpy()
    _check_split(len(y), 0, "validation", validation)
    x, x_validation, y, y_validation = _split(x, y, validation, split_seed)
    return _dataset((x, y), (x_validation, y_validation), (test_x.flatten(1).numpy(), test_y.numpy()))


def digits(validation: int, test: int, split_seed: int) -> Dataset:
    """scikit-learn's bundled 1,797 digits of 8 x 8 pixels; it has no official test part, so one is split off."""
    table = np.loadtxt(str(distribution("scikit-learn").locate_file(DIGITS)), delimiter=",")
    x, y = table[:, :-1], table[:, -1]
    _check_split(len(y), 0, "test", test)
    _check_split(len(y), test, "validation", validation)
    x, x_test, y, y_test = _split(x, y, test, split_seed)
    x, x_validation, y, y_validation = _split(x, y, validation, split_seed)
    return _dataset((x, y), (x_validation, y_validation), (x_test, y_test))


DATASETS: dict[str, Callable[..., Dataset]] = {
    "fashion_mnist": partial(torchvision_set, "FashionMNIST"),
    "mnist": partial(torchvision_set, "MNIST"),
    "digits": digits,
}


@cache
def load(name: str, **options: str | int) -> Dataset:
    """The data set `name` on the CPU in float32, loaded once a process.

    Raises UsageError where it cannot be had, ValueError for an option out of range.
    """
    return replace(DATASETS[name](**options), source=(name, options))


def _loaded(name: str, options: dict[str, str | int]) -> Dataset:
    return load(name, **options)
