"""The protocol of a net: a frozen description that makes the tensors of one run and computes with those of a stack.

Axes: K lanes, B batch, H features.
"""

from typing import Protocol

import torch
from torch import Tensor

from hpsearch.components.init import Init
from hpsearch.components.layers import Tensors


class Dropout(Protocol):
    """The random numbers of one step of a stack."""

    @property
    def keys(self) -> Tensor:
        """Of each dropout layer and lane, [layers, K, 2] int32."""

    def __call__(self, h: Tensor, layer: int) -> Tensor:
        """Drop units of h [K, B, H], each lane with its own probability."""

    def mask(self, keys: Tensor, p: float, batch: int, features: int) -> Tensor:
        """The factors on features [K, B, H]: 0 with probability p, else 1 / (1 - p). keys: [K, 2] of one layer."""


class Model(Protocol):
    """A net."""

    @property
    def together(self) -> bool:
        """True if `forward` computes all lanes in one operation each; else it takes one lane after the other."""

    @property
    def drops(self) -> bool:
        """True if the net drops units by itself, whatever a lane's own probability is."""

    @property
    def dropouts(self) -> int:
        """The number of layers that draw random numbers in a step."""

    @property
    def parameters(self) -> int:
        """The number of trained values."""

    def tensors(self, init: Init, generator: torch.Generator) -> Tensors:
        """The initial tensors of one run by name, [1, ...] each: parameters, and fixed ones, see `is_trained`."""

    def forward(self, tensors: Tensors, x: Tensor, dropout: Dropout | None, training: bool) -> Tensor:
        """x: [K, B, features] -> outputs [K, B, outputs]. tensors: of all lanes, [K, ...]. In training, it may change
        fixed tensors in place. dropout: the random numbers of the step; None: none are drawn."""


def is_trained(name: str) -> bool:
    """True for a parameter; False for a running statistic, a buffer or a frozen parameter: the last part of their
    names begins with ``running_``."""
    return not name.rpartition(".")[2].startswith("running_")
