"""A data set: training, validation and test split as tensors, loaded once and kept on the device."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, SupportsIndex

import torch
from torch import Tensor

from hpsearch.components.target import Target


@dataclass(frozen=True, eq=False)
class Split:
    """x: [n, features] floating point; y: [n] as the target says: class numbers or standardised values."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training, validation and test split. Only the validation split may be empty.

    shape: of one sample; x has it flattened, and features is its product.
    transform: raw rows -> x, with what was fitted on the training rows; None if there is none.
    source: a function and its arguments that replace the data set in a pickle. The reader calls the function, which
    loads the data set or has it in its cache.
    described: lines for ``plan=true``. warnings: a line for each thing in the data that looks wrong.
    """

    train: Split
    validation: Split
    test: Split
    target: Target
    shape: tuple[int, ...]
    transform: Any = None
    source: tuple[Callable[..., "Dataset"], tuple[Any, ...]] | None = None
    described: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

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
