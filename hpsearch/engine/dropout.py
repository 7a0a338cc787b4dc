"""Inverted dropout, each lane with its own probability (Srivastava et al. 2014)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hpsearch.engine import randomness


class Dropout:
    """The dropout of a stack. p: of each lane, the probability of dropping a unit."""

    def __init__(self, p: Sequence[float], dtype: torch.dtype, device: torch.device) -> None:
        threshold = torch.tensor([randomness.keep_threshold(one) for one in p], dtype=torch.int32)
        self._threshold = threshold.to(device)[:, None, None]
        self._scale = torch.tensor([1 / (1 - one) for one in p], dtype=dtype, device=device)[:, None, None]

    def of_step(self, keys: Tensor) -> "StepDropout":
        """The dropout of one step. keys: [layers, K, 2]."""
        return StepDropout(keys, self._threshold, self._scale)


@dataclass(frozen=True)
class StepDropout:
    """The dropout of one step, as `hpsearch.components.architecture.model.Dropout` says. threshold, scale: [K, 1, 1]
    for a net that leaves the probability to the lane."""

    keys: Tensor
    threshold: Tensor
    scale: Tensor

    def of(self, lanes: slice) -> "StepDropout":
        """The dropout of some of the lanes."""
        return StepDropout(self.keys[:, lanes], self.threshold[lanes], self.scale[lanes])

    def __call__(self, h: Tensor, layer: int) -> Tensor:
        mask = randomness.keep_mask(self.keys[layer], self.threshold, h.shape[1], h.shape[2])
        return h * (mask * self.scale)

    def mask(self, keys: Tensor, p: float, batch: int, features: int) -> Tensor:
        threshold = torch.tensor(randomness.keep_threshold(p), dtype=torch.int32, device=keys.device)
        return randomness.keep_mask(keys, threshold, batch, features) * (1 / (1 - p))
