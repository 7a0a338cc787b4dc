"""Losses and correct predictions of a stack on a split.

Axes: K lanes, B batch.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from hpsearch.components.data.dataset import Split
from hpsearch.components.layers import Tensors
from hpsearch.engine.lane import Lane, stacked
from hpsearch.engine.spec import StackSpec

EVALUATION_BATCH = 256


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Cross entropy of each sample. logits: [K, B, classes], y: [K, B] -> [K, B].

    The classes become the middle axis, because PyTorch's softmax along a short last axis takes 3 to 4 times as long
    on the CPU.
    """
    logits = logits.float() if logits.dtype == torch.bfloat16 else logits
    return F.cross_entropy(logits.mT, y, reduction="none")


@torch.no_grad()
def evaluate(stack: StackSpec, tensors: Tensors, split: Split) -> tuple[Tensor, Tensor]:
    """Correct predictions of each lane in each batch, [K, batches] int64, and summed losses, [K] float64."""
    lanes = len(next(iter(tensors.values())))
    correct, loss = [], torch.zeros(lanes, dtype=torch.float64, device=stack.device)
    for x, y in zip(split.x.split(EVALUATION_BATCH), split.y.split(EVALUATION_BATCH), strict=True):
        logits = stack.model.forward(tensors, x.expand(lanes, -1, -1), None, training=False)
        correct.append((logits.argmax(2) == y).sum(1))
        loss += cross_entropy(logits, y.expand(lanes, -1)).sum(1, dtype=torch.float64)
    return torch.stack(correct, 1), loss


def test(lanes: list[Lane], stack: StackSpec) -> list[tuple[float, list[int], list[int]]]:
    """Mean loss, correct and total per batch of the test split, for each lane."""
    if not lanes:
        return []
    split = stack.data.test
    correct, loss = evaluate(stack, stacked([lane.tensors for lane in lanes]), split)
    totals = [len(batch) for batch in split.y.split(EVALUATION_BATCH)]
    return [(mean, counts, totals) for mean, counts in zip((loss / len(split)).tolist(), correct.tolist(), strict=True)]
