"""Clip the gradients of each lane by their norm.

Axes: K lanes.
"""

from collections.abc import Sequence
from math import isinf

import torch
from torch import Tensor


class Clip:
    """`torch.nn.utils.clip_grad_norm_` with a largest norm for each lane; infinite: the lane's gradients stay."""

    def __init__(self, limits: Sequence[float], device: torch.device) -> None:
        self._limits = None if all(map(isinf, limits)) else torch.tensor(limits, device=device)

    def __call__(self, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        """gradients: [K, ...] each, together those of one step."""
        if self._limits is None:
            return gradients
        norm = _sums(torch.cat([g.flatten(1) for g in gradients], 1).square_()).sqrt()
        factor = (self._limits / (norm + 1e-6)).clamp(max=1)
        factor = torch.where(self._limits.isinf(), 1, factor).to(gradients[0].dtype)
        return [g * factor.view(-1, *[1] * (g.ndim - 1)) for g in gradients]


def _sums(rows: Tensor) -> Tensor:
    """The sum of each row, [K, n] -> [K], by halves: `Tensor.sum` adds in another order for another number of rows, so
    that a lane's bits would depend on its neighbours."""
    while rows.shape[1] > 1:
        half = rows.shape[1] // 2
        odd = rows[:, 2 * half :]
        rows = rows[:, :half] + rows[:, half : 2 * half]
        rows = torch.cat([rows, odd], 1) if odd.shape[1] else rows
    return rows[:, 0]
