"""Layers with a lane axis: every weight has a leading axis K, and no number crosses from one lane to another.

Axes: K lanes, B batch, H features. On the CPU in float32 every function gives a lane of a stack bit for bit
what it gives that lane alone, at the same number of threads. That decides how some of them are written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hpsearch.ranges import require

Tensors = dict[str, Tensor]


def matmul(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """a @ b (+ bias) for each lane: [K, M, C] @ [K, C, N] (+ [K, 1, N]) -> [K, M, N].

    With fewer lanes than threads MKL may split one small product over several threads, which adds in another
    order than a whole stack does. Such a product is repeated until each thread has one of its own; the threads
    would have idled. (Products too large for the bound below gave equal bits for 1 to 8 threads.)
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
            parts = [
                matmul(a[k : k + 1], b[k : k + 1], None if bias is None else bias[k : k + 1]) for k in range(lanes)
            ]
            return torch.cat(parts)
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


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalisation over each lane's own batch; as `torch.nn.BatchNorm1d`, running statistics included."""

    momentum: float = 0.1
    eps: float = 1e-5
    needs_two_samples = True

    def __post_init__(self) -> None:
        require(0 <= self.momentum <= 1, "momentum", self.momentum, "between 0 and 1")
        require(self.eps > 0, "eps", self.eps, "above 0")

    def tensors(self, width: int) -> Tensors:
        """Parameters and running statistics of a layer of one lane, by name, [1, 1, width] each."""
        ones, zeros = torch.ones(1, 1, width), torch.zeros(1, 1, width)
        return {"weight": ones, "bias": zeros, "running_mean": zeros.clone(), "running_var": ones.clone()}

    def __call__(self, h: Tensor, tensors: Tensors, prefix: str, training: bool) -> Tensor:
        """h: [K, B, H]; in training also moves the running statistics in `tensors`."""
        running_mean, running_var = tensors[f"{prefix}.running_mean"], tensors[f"{prefix}.running_var"]
        mean, var = running_mean, running_var
        x = h.to(running_mean.dtype)  # bfloat16 is too coarse for statistics
        if training:
            samples = h.shape[1]
            mean = x.mean(1, keepdim=True)
            var = (x - mean).square().mean(1, keepdim=True)
            with torch.no_grad():
                running_mean.lerp_(mean, self.momentum)
                running_var.lerp_(var * (samples / (samples - 1)), self.momentum)
        scale = tensors[f"{prefix}.weight"] / (var + self.eps).sqrt()
        return ((x - mean) * scale + tensors[f"{prefix}.bias"]).to(h.dtype)


@dataclass(frozen=True)
class LayerNorm:
    """Layer normalisation over the features of each sample; as `torch.nn.LayerNorm`."""

    eps: float = 1e-5
    needs_two_samples = False

    def __post_init__(self) -> None:
        require(self.eps > 0, "eps", self.eps, "above 0")

    def tensors(self, width: int) -> Tensors:
        """Parameters of a layer of one lane, by name, [1, 1, width] each."""
        return {"weight": torch.ones(1, 1, width), "bias": torch.zeros(1, 1, width)}

    def __call__(self, h: Tensor, tensors: Tensors, prefix: str, training: bool) -> Tensor:
        """h: [K, B, H]."""
        normalised = F.layer_norm(h, h.shape[-1:], eps=self.eps)
        return (normalised * tensors[f"{prefix}.weight"] + tensors[f"{prefix}.bias"]).to(h.dtype)


@dataclass(frozen=True)
class NoNorm:
    """No normalisation."""

    needs_two_samples = False

    def tensors(self, width: int) -> Tensors:
        return {}

    def __call__(self, h: Tensor, tensors: Tensors, prefix: str, training: bool) -> Tensor:
        return h


def sigmoid(h: Tensor) -> Tensor:
    """1 / (1 + exp(-h)). `torch.sigmoid` rounds the last few elements of a tensor otherwise than the rest, so
    a lane's bits would depend on its place; `torch.tanh` does not."""
    return torch.tanh(h * 0.5) * 0.5 + 0.5


# name -> (features, negative slope) -> features; only leaky_relu reads the slope
ACTIVATIONS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "relu": lambda h, slope: torch.relu(h),
    "leaky_relu": lambda h, slope: F.leaky_relu(h, slope),
    "tanh": lambda h, slope: torch.tanh(h),
    "sigmoid": lambda h, slope: sigmoid(h),
    "identity": lambda h, slope: h,
    "step": lambda h, slope: (torch.sign(h) + 1) / 2,  # no gradient passes: what lies below it is not trained
    "gelu": lambda h, slope: F.gelu(h),
}

Normalization = BatchNorm | LayerNorm | NoNorm
NORMALIZATIONS: dict[str, Callable[..., Normalization]] = {"none": NoNorm, "batch": BatchNorm, "layer": LayerNorm}
