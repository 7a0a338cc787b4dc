"""Inverted dropout, each lane with its own probability (Srivastava et al. 2014)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from hpsearch.engine import randomness


class Dropout:
    """The dropout of a stack. p: of each lane, the probability of dropping a unit."""

    def __init__(self, p: Sequence[float], dtype: torch.dtype, device: torch.device) -> None:
        threshold = torch.tensor([randomness.keep_threshold(one) for one in p], dtype=torch.int32)
        self._threshold = threshold.to(device)[:, None, None]
        self._scale = torch.tensor([1 / (1 - one) for one in p], dtype=dtype, device=device)[:, None, None]

    def of_step(self, keys: Tensor) -> Callable[[Tensor, int], Tensor]:
        """The function of (features [K, B, H], dropout layer) for one step. keys: [layers, K, 2]."""

        def dropout(h: Tensor, layer: int) -> Tensor:
            mask = randomness.keep_mask(keys[layer], self._threshold, h.shape[1], h.shape[2])
            return h * (mask * self._scale)

        return dropout
