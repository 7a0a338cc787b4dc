"""Lanes in the rows of one batch: a module of linear layers and functions of each element needs no vmap.

It gets the samples of all lanes as one batch, [K * B, ...], and each linear layer takes its rows apart by lane. That
costs hardly more than the built-in net, while vmap takes longer than the arithmetic of small layers.

Axes: K lanes, B batch.
"""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hpsearch.components import layers
from hpsearch.components.architecture.model import Dropout
from hpsearch.components.architecture.module_functions import DROPOUTS, Functions
from hpsearch.components.architecture.module_rule import name_of
from hpsearch.components.layers import Tensors

# fmt: off
ELEMENTWISE = (
    "abs", "add", "clamp", "div", "exp", "gelu", "hardswish", "hardtanh", "leaky_relu", "mul", "neg", "rdiv", "relu",
    "relu6", "rsub", "sigmoid", "silu", "sqrt", "square", "sub", "tanh",
)
# fmt: on


class Rows(Functions):
    """Active while the forward of all lanes runs. keys: [layers, K, 2] of the dropout masks.

    stacked: the tensors of all lanes, [K, ...], by the id of the module's own parameter.
    """

    def __init__(
        self,
        dropout: Dropout | None,
        keys: Tensor | None,
        dtype: torch.dtype,
        lanes: int,
        stacked: Mapping[int, Tensor],
    ) -> None:
        super().__init__(dropout, keys, together=True, dtype=dtype)
        self._lanes, self._stacked = lanes, stacked

    def linear(self, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        of_lanes = self._stacked[id(weight)]
        shift = of_lanes.new_zeros(1, weight.shape[0]) if bias is None else self._stacked[id(bias)]
        rows = input.to(self._dtype).view(self._lanes, -1, input.shape[1])
        return layers.linear(rows, of_lanes, shift[:, None].expand(self._lanes, -1, -1)).flatten(0, 1)


def as_rows(module: nn.Module, named: Tensors, x: Tensor, dropout: Dropout | None, keys: Tensor | None) -> Tensor:
    """The outputs [K, B, outputs] of a module for x [K, B, ...] with the tensors of all lanes, [K, ...] by name."""
    stacked = {id(parameter): named[name] for name, parameter in module.named_parameters()}
    with Rows(dropout, keys, x.dtype, len(x), stacked):
        rows: Tensor = module(x.flatten(0, 1))
    outputs = rows.view(*x.shape[:2], -1)
    if outputs.requires_grad:  # the loss gives a transposed gradient, which only one lane alone would keep so
        outputs.register_hook(torch.Tensor.contiguous)
    return outputs


def keeps_rows(function: Any, args: Any, kwargs: Mapping[str, Any], own: Collection[int], batch: int) -> bool:
    """True for a function that computes each row of a batch by itself. own: ids of the module's parameters and
    buffers, which only linear layers may read."""
    name, tensors = name_of(function), [arg for arg in args if isinstance(arg, Tensor)]
    if name == "linear":
        input, *parameters = tensors
        return input.ndim == 2 and id(input) not in own and all(id(t) in own for t in parameters) and not kwargs
    if any(id(t) in own for t in tensors) or any(isinstance(value, Tensor) for value in kwargs.values()):
        return False
    if name == "flatten":
        return tuple(args[1:]) in ((1,), (1, -1)) and not kwargs
    alike = len({t.shape for t in tensors}) == 1 and tensors[0].ndim >= 2 and len(tensors[0]) == batch
    return name == "dim" or ((function in DROPOUTS or name in ELEMENTWISE) and alike)
