"""Clip the gradients of each lane by their norm.

Axes: K lanes.
"""

from collections.abc import Sequence
from math import isinf

import torch
from torch import Tensor

from hpsearch.components.layers import matmul


class Clip:
    """`torch.nn.utils.clip_grad_norm_` with a largest norm for each lane; infinite: the lane's gradients stay."""

    def __init__(self, limits: Sequence[float], device: torch.device) -> None:
        self._limits = None if all(map(isinf, limits)) else torch.tensor(limits, device=device)

    def __call__(self, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        """gradients: [K, ...] each, together those of one step."""
        if self._limits is None:
            return gradients
        rows = [g.reshape(len(g), 1, -1) for g in gradients]
        squares = torch.stack([matmul(row, row.mT).flatten() for row in rows]).sum(0)
        factor = (self._limits / (squares.sqrt() + 1e-6)).clamp(max=1)
        factor = torch.where(self._limits.isinf(), 1, factor).to(gradients[0].dtype)
        return [g * factor.view(-1, *[1] * (g.ndim - 1)) for g in gradients]
