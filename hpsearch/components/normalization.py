"""Normalization layers with a lane axis."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from hpsearch.components.layers import Tensors
from hpsearch.errors import require


@dataclass(frozen=True)
class BatchNorm:
    """`torch.nn.BatchNorm1d`, running statistics included, over the batch of each lane."""

    momentum: float = 0.1
    eps: float = 1e-5
    needs_two_samples = True

    def __post_init__(self) -> None:
        require(0 <= self.momentum <= 1, "momentum", self.momentum, "between 0 and 1")
        require(self.eps > 0, "eps", self.eps, "above 0")

    def tensors(self, width: int) -> Tensors:
        """Parameters and running statistics of one lane's layer by name, [1, 1, width] each."""
        ones, zeros = torch.ones(1, 1, width), torch.zeros(1, 1, width)
        return {"weight": ones, "bias": zeros, "running_mean": zeros.clone(), "running_var": ones.clone()}

    def __call__(self, h: Tensor, tensors: Tensors, prefix: str, training: bool) -> Tensor:
        """h: [K, B, H] -> [K, B, H]. In training, also update the running statistics in `tensors`."""
        running_mean, running_var = tensors[f"{prefix}.running_mean"], tensors[f"{prefix}.running_var"]
        mean, var = running_mean, running_var
        x = h.to(running_mean.dtype)  # because bfloat16 is too coarse for statistics
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
    """`torch.nn.LayerNorm` over the features of each sample."""

    eps: float = 1e-5
    needs_two_samples = False

    def __post_init__(self) -> None:
        require(self.eps > 0, "eps", self.eps, "above 0")

    def tensors(self, width: int) -> Tensors:
        """Parameters of one lane's layer by name, [1, 1, width] each."""
        return {"weight": torch.ones(1, 1, width), "bias": torch.zeros(1, 1, width)}

    def __call__(self, h: Tensor, tensors: Tensors, prefix: str, training: bool) -> Tensor:
        """h: [K, B, H] -> [K, B, H]."""
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


Normalization = BatchNorm | LayerNorm | NoNorm
NORMALIZATIONS: dict[str, Callable[..., Normalization]] = {"none": NoNorm, "batch": BatchNorm, "layer": LayerNorm}
