"""Replace PyTorch's functions while a module's forward runs.

`torch.func.vmap` hands each function the tensors of all lanes at once. On the CPU some functions then round in another
way than for one lane alone. `Functions` computes those that it knows by a form that does not.

Axes: K lanes, B batch, H features. Inside vmap a tensor shows the shape of one lane.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from hpsearch.components import layers
from hpsearch.components.architecture import lane_layers
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
        keys = self._keys[self.drawn].view(-1, 2)
        self.drawn += 1
        if p == 1:
            return torch.zeros(shape, device=keys.device)
        batch = shape[0] // len(keys) if shape else 1
        return self._dropout.mask(keys, p, batch, torch.Size(shape).numel() // len(keys) // batch).view(shape)

    @property
    def _ours(self) -> dict[Any, Callable[..., Any]]:
        sigmoid: dict[Any, Callable[..., Any]] = dict.fromkeys(
            (torch.sigmoid, Tensor.sigmoid, F.sigmoid), layers.sigmoid
        )
        norms: dict[Any, Callable[..., Any]] = {
            F.batch_norm: lane_layers.batch_norm,
            F.layer_norm: lane_layers.layer_norm,
        }
        return norms | sigmoid | {F.linear: self.linear, F.gelu: lane_layers.gelu, F.silu: lane_layers.silu}

    def linear(self, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """As `torch.nn.functional.linear`."""
        rows = input.to(self._dtype)
        if input.ndim != 2:
            rows = rows.reshape(-1, input.shape[-1])
        output = cast(Tensor, lane_layers.LaneLinear.apply(rows, weight, bias))  # type: ignore[no-untyped-call]
        return output if input.ndim == 2 else output.view(*input.shape[:-1], -1)
