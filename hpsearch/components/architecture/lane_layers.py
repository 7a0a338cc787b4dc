"""PyTorch's functions for a lane under vmap, in forms that give it the same bits as alone.

They have the arguments of the functions in `torch.nn.functional` that they stand for.

Axes: K lanes, B batch, H features. Inside vmap a tensor shows the shape of one lane.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hpsearch.components import layers


class LaneLinear(torch.autograd.Function):
    """`layers.linear` under vmap: h [B, in], weight [out, in], bias [out] of one lane -> [B, out]."""

    @staticmethod
    def forward(h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        raise RuntimeError("is only called under vmap")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Save nothing: `layers.linear` has a backward of its own."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, h: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, int]:
        h, weight = (_lanes_first(t, dim, info.batch_size) for t, dim in zip((h, weight), in_dims, strict=False))
        if bias is None:
            bias = weight.new_zeros(len(weight), 1, weight.shape[1])
        else:
            bias = _lanes_first(bias, in_dims[2], info.batch_size)[:, None]
        return layers.linear(h, weight, bias), 0


def _lanes_first(t: Tensor, dim: int | None, lanes: int) -> Tensor:
    return t.expand(lanes, *t.shape) if dim is None else t.movedim(dim, 0)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """As `normalization.BatchNorm`. input: [B, H, …]."""
    shape, samples = (1, -1, *[1] * (input.ndim - 2)), input.numel() // input.shape[1]
    x = input if weight is None else input.to(weight.dtype)  # because bfloat16 is too coarse for statistics
    if training or running_mean is None or running_var is None:
        if samples == 1:
            raise ValueError("Expected more than 1 value per channel when training")
        axes = (0, *range(2, input.ndim))
        mean = x.mean(axes, keepdim=True)
        var = (x - mean).square().mean(axes, keepdim=True)
        if running_mean is not None and running_var is not None:
            with torch.no_grad():
                unbiased = var * (samples / (samples - 1))
                running_mean.mul_(1 - momentum).add_(mean.flatten() * momentum)
                running_var.mul_(1 - momentum).add_(unbiased.flatten() * momentum)
    else:
        mean, var = running_mean.view(shape), running_var.view(shape)
    scale = 1 / (var + eps).sqrt() if weight is None else weight.view(shape) / (var + eps).sqrt()
    h = (x - mean) * scale
    return (h if bias is None else h + bias.view(shape)).to(input.dtype)


def layer_norm(
    input: Tensor,
    normalized_shape: list[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """As `normalization.LayerNorm`."""
    h = F.layer_norm(input, normalized_shape, eps=eps)
    h = h if weight is None else h * weight
    return (h if bias is None else h + bias).to(input.dtype)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """As `layers.gelu`; with approximate="tanh", PyTorch's approximation."""
    if approximate == "none":
        return layers.gelu(input)
    return input * 0.5 * (torch.tanh(math.sqrt(2 / math.pi) * (input + 0.044715 * input * input * input)) + 1)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """As `torch.nn.functional.silu`, by `layers.sigmoid`."""
    return input * layers.sigmoid(input)
