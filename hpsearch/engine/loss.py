"""The loss of a stack: cross entropy of classes, squared error of numbers.

Axes: K lanes, B batch.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from hpsearch.components.data.dataset import Dataset
from hpsearch.components.target import Classes
from hpsearch.engine.spec import LaneSpec


def loss(outputs: Tensor, y: Tensor) -> Tensor:
    """The loss of each sample, [K, B]. outputs: [K, B, outputs]; y: [K, B], class numbers or standardised values.

    The classes become the middle axis, because PyTorch's softmax along a short last axis takes 3 to 4 times as long
    on the CPU.
    """
    outputs = outputs.float() if outputs.dtype == torch.bfloat16 else outputs
    if y.is_floating_point():
        return (outputs.squeeze(2) - y).square()
    return F.cross_entropy(outputs.mT, y, reduction="none")


class TrainingLoss:
    """The loss that is trained: of each lane with its own label smoothing and class weights."""

    def __init__(self, lanes: Sequence[LaneSpec], datasets: Sequence[Dataset], device: torch.device) -> None:
        smoothing = [lane.label_smoothing for lane in lanes]
        self._smoothing = torch.tensor(smoothing, device=device)[:, None] if any(smoothing) else None
        self._weights = None
        if any(lane.balanced for lane in lanes):
            weights = [class_weights(data, lane.balanced) for lane, data in zip(lanes, datasets, strict=True)]
            self._weights = torch.stack(weights).to(device)

    def __call__(self, outputs: Tensor, y: Tensor) -> Tensor:
        """As `loss`.

        Smoothing s mixes the true class, by 1 - s, with the mean over all classes (Szegedy et al. 2016). A class
        weight multiplies the loss of its samples.
        """
        losses = loss(outputs, y)
        if self._smoothing is not None:
            logits = outputs.float() if outputs.dtype == torch.bfloat16 else outputs
            uniform = -F.log_softmax(logits.mT, 1).mean(1)
            losses = losses * (1 - self._smoothing) + uniform * self._smoothing
        if self._weights is not None:
            losses = losses * self._weights.gather(1, y)
        return losses


def class_weights(data: Dataset, balanced: bool) -> Tensor:
    """n / (classes * count of the class), [classes], as scikit-learn's "balanced"; ones if not `balanced`."""
    assert isinstance(data.target, Classes)
    classes = data.target.outputs
    if not balanced:
        return torch.ones(classes)
    counts = torch.bincount(data.train.y.cpu(), minlength=classes)
    return (len(data.train) / (classes * counts.double())).float()
