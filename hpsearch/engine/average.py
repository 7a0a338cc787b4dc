"""Averaged weights: an exponential moving average of each lane's parameters, judged in their place.

Axes: K lanes, S steps of an epoch.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from hpsearch.components.layers import Tensors
from hpsearch.engine.lane import Lane


class Average:
    """`torch.optim.swa_utils.get_ema_multi_avg_fn`, a decay for each lane; a decay of 0 is the weights themselves."""

    def __init__(self, lanes: Sequence[Lane], parameters: Tensors) -> None:
        self._lanes, self._parameters = lanes, parameters
        self.tensors: Tensors = {}  # [K, ...] each; none if no lane averages
        if any(lane.spec.ema for lane in lanes):
            parts = [lane.average or lane.tensors for lane in lanes]
            self.tensors = {name: torch.cat([part[name] for part in parts]).detach() for name in parameters}
        for k, lane in enumerate(lanes):
            if lane.spec.ema:
                lane.average = {name: t[k : k + 1] for name, t in self.tensors.items()}

    def shares(self, steps: int) -> Tensor:
        """The share of the new weights in the average at each step of the next epoch, [S, K]. The first step of a run
        begins the average."""
        shares = torch.tensor([1 - lane.spec.ema for lane in self._lanes]).repeat(steps, 1)
        for k, lane in enumerate(self._lanes):
            if lane.epoch == 0:
                shares[0, k] = 1
        return shares

    @torch.no_grad()
    def take(self, share: Tensor) -> None:
        """Take the weights after a step into the average. share: [K]."""
        for name, average in self.tensors.items():
            average.lerp_(self._parameters[name], share.view(-1, *[1] * (average.ndim - 1)).to(average.dtype))
