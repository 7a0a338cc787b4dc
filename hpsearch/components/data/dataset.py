"""A data set: training, validation and test split as tensors, loaded once and kept on the device."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, SupportsIndex

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Split:
    """x: [n, features] floating point; y: [n] int64 class numbers."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training, validation and test split; `classes` is the number of classes.

    source: a function and its arguments that replace the data set in a pickle. The reader calls the function, which
    loads the data set or has it in its cache.
    """

    train: Split
    validation: Split
    test: Split
    classes: int
    source: tuple[Callable[..., "Dataset"], tuple[Any, ...]] | None = None

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        return super().__reduce_ex__(protocol) if self.source is None else self.source

    @property
    def features(self) -> int:
        """The number of features of a sample."""
        return self.train.x.shape[1]

    def to(self, device: torch.device, dtype: torch.dtype) -> "Dataset":
        """The data set on `device`, with x as `dtype`."""
        if (self.train.x.device, self.train.x.dtype) == (device, dtype):
            return self
        train, validation, test = (
            Split(split.x.to(device, dtype), split.y.to(device)) for split in (self.train, self.validation, self.test)
        )
        return replace(self, train=train, validation=validation, test=test, source=None)


Arrays = tuple[np.ndarray, np.ndarray]  # x [n, features], y [n] class numbers


def standardized(train: Arrays, validation: Arrays, test: Arrays) -> Dataset:
    """The data set of three splits, x standardized by the mean and standard deviation of all training values."""
    mean, std = train[0].mean(dtype=np.float64), train[0].std(dtype=np.float64)

    def split(x: np.ndarray, y: np.ndarray) -> Split:
        return Split(torch.from_numpy(((x - mean) / std).astype(np.float32)), torch.from_numpy(y.astype(np.int64)))

    return Dataset(split(*train), split(*validation), split(*test), classes=int(train[1].max()) + 1)
