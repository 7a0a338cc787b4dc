"""Replace PyTorch's functions while a module's forward runs.

`torch.func.vmap` hands each function the tensors of all lanes at once. On the CPU some functions then round in another
way than for one lane alone. `Functions` computes those that it knows by a form that does not.

Axes: K lanes, B batch, H features. Inside vmap a tensor shows the shape of one lane.
"""

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from hpsearch.components import layers
from hpsearch.components.architecture.model import Dropout

DROPOUTS: dict[Any, int | None] = {  # the axes that a unit does not share a mask along, from the front; None: all
    F.dropout: None,
    F.dropout1d: 2,
    F.dropout2d: 2,
    F.dropout3d: 2,
}


class Functions(TorchFunctionMode):
    """Active while the forward of one lane runs, or under vmap that of all.

    keys: [layers, 2] of the lane's dropout masks, see `Dropout`: every dropout layer drops units; None: those layers do
    that are in training.
    together: True under vmap. dtype: of the computation.
    """

    def __init__(self, dropout: Dropout | None, keys: Tensor | None, together: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.drawn = 0  # masks so far
        self._dropout, self._keys, self._dtype = dropout, keys, dtype
        self._swapped = self._ours if together else {}

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function in DROPOUTS:
            return self._drop(DROPOUTS[function], *args, **kwargs)
        return self._swapped.get(function, function)(*args, **kwargs)

    def _drop(
        self, axes: int | None, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Any:
        if p == 0 or not (training or self._keys is not None):
            return input
        shape = input.shape if axes is None else (*input.shape[:axes], *[1] * (input.ndim - axes))
        factors = self.factors(p, tuple(shape)).to(input.dtype)
        return input.mul_(factors) if inplace else input * factors

    def factors(self, p: float, shape: tuple[int, ...]) -> Tensor:
        """The factors of the next dropout layer: 0 with probability p, else 1 / (1 - p)."""
        if self._dropout is None or self._keys is None or self.drawn >= len(self._keys):
            raise RuntimeError("forward drops units in more layers than in its first call")
        keys = self._keys[self.drawn][None]
        self.drawn += 1
        if p == 1:
            return torch.zeros(shape, device=keys.device)
        batch = shape[0] if shape else 1
        return self._dropout.mask(keys, p, batch, int(torch.Size(shape).numel()) // batch).view(shape)

    @property
    def _ours(self) -> dict[Any, Callable[..., Any]]:
        sigmoid: dict[Any, Callable[..., Any]] = dict.fromkeys(
            (torch.sigmoid, Tensor.sigmoid, F.sigmoid), layers.sigmoid
        )
        norms: dict[Any, Callable[..., Any]] = {F.batch_norm: _batch_norm, F.layer_norm: _layer_norm}
        return norms | sigmoid | {F.linear: self._linear, F.gelu: _gelu, F.silu: _silu}

    def _linear(self, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        rows = input.to(self._dtype)
        if input.ndim != 2:
            rows = rows.reshape(-1, input.shape[-1])
        output = cast(Tensor, _Linear.apply(rows, weight, bias))  # type: ignore[no-untyped-call]
        return output if input.ndim == 2 else output.view(*input.shape[:-1], -1)


class _Linear(torch.autograd.Function):
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


def _batch_norm(
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


def _layer_norm(
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


def _gelu(input: Tensor, approximate: str = "none") -> Tensor:
    if approximate == "none":
        return layers.gelu(input)
    return input * 0.5 * (torch.tanh(math.sqrt(2 / math.pi) * (input + 0.044715 * input * input * input)) + 1)


def _silu(input: Tensor, inplace: bool = False) -> Tensor:
    return input * layers.sigmoid(input)
