"""A fully connected net with a lane axis.

Axes: K lanes, B batch, H features.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from hpsearch.components.architecture.model import Dropout
from hpsearch.components.init import Init, default_bias
from hpsearch.components.layers import ACTIVATIONS, Tensors, linear
from hpsearch.components.normalization import Normalization
from hpsearch.errors import require


@dataclass(frozen=True)
class MLP:
    """A fully connected net: hidden layers of linear, normalisation, activation, dropout; then a linear head."""

    together: ClassVar[bool] = True
    drops: ClassVar[bool] = False
    inputs: int
    outputs: int
    widths: tuple[int, ...]
    normalization: Normalization
    activation: str = "relu"
    negative_slope: float = 0.01
    drops_inputs: bool = False

    def __post_init__(self) -> None:
        require(self.activation in ACTIVATIONS, "activation", self.activation, f"one of {', '.join(ACTIVATIONS)}")

    @property
    def dropouts(self) -> int:
        """The number of layers that draw a dropout mask."""
        return len(self.widths) + self.drops_inputs

    @property
    def parameters(self) -> int:
        """The number of weights and biases, without those of the normalisation."""
        return sum((fan_in + 1) * out for fan_in, out in pairwise((self.inputs, *self.widths, self.outputs)))

    def tensors(self, init_weight: Init, generator: torch.Generator) -> Tensors:
        """The initial tensors of one run by name, [1, ...] each: parameters, and statistics named ``running_*``."""
        tensors: Tensors = {}
        fan_in = self.inputs
        for i, width in enumerate((*self.widths, self.outputs)):
            weight, bias = torch.empty(width, fan_in), torch.empty(1, 1, width)
            init_weight(weight, generator=generator)
            default_bias(bias, fan_in, generator)
            tensors |= {f"linear{i}.weight": weight[None], f"linear{i}.bias": bias}
            if i < len(self.widths):
                tensors |= {f"norm{i}.{name}": t for name, t in self.normalization.tensors(width).items()}
            fan_in = width
        return tensors

    def forward(self, tensors: Tensors, x: Tensor, dropout: Dropout | None, training: bool) -> Tensor:
        """x: [K, B, inputs] -> logits [K, B, outputs]. dropout: None if no unit is dropped."""
        h = x
        if dropout is not None and self.drops_inputs:
            h = dropout(h, len(self.widths))
        for i in range(len(self.widths)):
            h = linear(h, tensors[f"linear{i}.weight"], tensors[f"linear{i}.bias"])
            h = self.normalization(h, tensors, f"norm{i}", training)
            h = ACTIVATIONS[self.activation](h, self.negative_slope)
            if dropout is not None:
                h = dropout(h, i)
        head = len(self.widths)
        return linear(h, tensors[f"linear{head}.weight"], tensors[f"linear{head}.bias"])
