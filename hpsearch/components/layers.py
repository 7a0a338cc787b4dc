"""Layers with a lane axis: every weight has a leading axis K, and no number crosses from one lane to another.

Axes: K lanes, B batch, H features. On the CPU in float32, at the same number of threads, every function gives the same
bits for a lane in a stack and for the lane alone. Some functions are written in an unusual way because of that.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hpsearch.components import registry

Tensors = dict[str, Tensor]


def matmul(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """a @ b (+ bias) for each lane: [K, M, C] @ [K, C, N] (+ [K, 1, N]) -> [K, M, N].

    With fewer lanes than threads, MKL may split a small product over several threads and then adds in another order
    than in a large stack. So a small product is repeated until each thread has one, which costs no time because these
    threads would idle. (Products above the bound gave equal bits for 1 to 8 threads.)
    """
    lanes, rows, columns = a.shape[0], a.shape[1], b.shape[2]
    copies = 1
    if a.device.type == "cpu":
        threads = torch.get_num_threads()
        if rows * columns <= 4096 * threads:
            copies = threads
        if rows == 1 or columns == 1:  # one lane alone would become a matrix-vector product
            copies = max(copies, 2)
    if lanes < copies:
        if lanes > 1:
            biases = [None] * lanes if bias is None else bias.split(1)
            return torch.cat(list(map(matmul, a.split(1), b.split(1), biases)))
        a, b = a.expand(copies, -1, -1), b.expand(copies, -1, -1)
    product = torch.bmm(a, b) if bias is None else torch.baddbmm(bias.expand(len(a), rows, columns), a, b)
    return product[:lanes]


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(h, weight)
        return matmul(h, weight.mT, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        (g,) = gradients
        h, weight = ctx.saved_tensors
        dh = matmul(g, weight) if ctx.needs_input_grad[0] else None
        return dh, matmul(g.mT, h), g.sum(1, keepdim=True)


def linear(h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """h: [K, B, in], weight: [K, out, in], bias: [K, 1, out] -> [K, B, out]; computes in h's dtype."""
    output: Tensor = _Linear.apply(h, weight.to(h.dtype), bias.to(h.dtype))  # type: ignore[no-untyped-call]
    return output


def sigmoid(h: Tensor) -> Tensor:
    """1 / (1 + exp(-h)), by `torch.tanh`. `torch.sigmoid` rounds the last few elements of a tensor in another way, so a
    lane's bits would depend on its place in the stack."""
    return torch.tanh(h * 0.5) * 0.5 + 0.5


def gelu(h: Tensor) -> Tensor:
    """h Φ(h), by `torch.erf`, because `F.gelu` also rounds by the place of an element."""
    return h * 0.5 * (torch.erf(h * math.sqrt(0.5)) + 1)


Activation = Callable[[Tensor, float], Tensor]  # (features, negative slope) -> features


def _registered(function: Callable[[Tensor], Tensor], name: str) -> Activation:
    return lambda h, slope: function(h)


_own: dict[str, Activation] = {  # only leaky_relu reads the slope
    "relu": lambda h, slope: torch.relu(h),
    "leaky_relu": lambda h, slope: F.leaky_relu(h, slope),
    "tanh": lambda h, slope: torch.tanh(h),
    "sigmoid": lambda h, slope: sigmoid(h),
    "identity": lambda h, slope: h,
    "step": lambda h, slope: (torch.sign(h) + 1) / 2,  # its gradient is 0: the layers below are not trained
    "gelu": lambda h, slope: gelu(h),
}
ACTIVATIONS = registry.table("activation", _own, _registered, leading=1, function=True, configured=False)
