"""Predictions and losses of a stack, and the metrics that judge them.

Axes: K lanes, B batch.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hpsearch.components.data.dataset import Dataset
from hpsearch.components.layers import Tensors
from hpsearch.components.metric import Metric
from hpsearch.components.target import Quantity
from hpsearch.engine.loss import loss
from hpsearch.engine.samples import EVALUATION_BATCH, Samples
from hpsearch.engine.spec import StackSpec

Dropouts = Callable[[int], Any]  # number of a batch -> its dropout, as a model takes it


@torch.no_grad()
def evaluate(stack: StackSpec, tensors: Tensors, samples: Samples) -> tuple[Tensor, Tensor]:
    """The outputs for each sample, [K, n, outputs], and the summed losses, [K] float64."""
    outputs, losses = [], torch.zeros(samples.lanes, dtype=torch.float64, device=stack.device)
    for x, y in samples.batches():
        outputs.append(stack.model.forward(tensors, x, None, training=False))
        losses += loss(outputs[-1], y).sum(1, dtype=torch.float64)
    return torch.cat(outputs, 1), losses


@torch.no_grad()
def mean_of_passes(
    stack: StackSpec, tensors: Tensors, samples: Samples, passes: int, dropouts: Dropouts
) -> tuple[Tensor, Tensor]:
    """As `evaluate`, of the mean prediction of several passes with dropout left on (Gal and Ghahramani, 2016).

    Classes: the outputs are logarithms of mean probabilities.
    """
    outputs, losses = [], torch.zeros(samples.lanes, dtype=torch.float64, device=stack.device)
    for number, (x, y) in enumerate(samples.batches()):
        total: Any = 0
        for one in range(passes):
            logits = stack.model.forward(tensors, x, dropouts(number * passes + one), training=False).float()
            total = total + (logits if y.is_floating_point() else logits.softmax(2))
        mean = total / passes
        outputs.append(mean if y.is_floating_point() else mean.log())
        losses += loss(outputs[-1], y).sum(1, dtype=torch.float64)
    return torch.cat(outputs, 1), losses


def judge(metrics: Sequence[Metric], outputs: Tensor, y: Tensor, datasets: Sequence[Dataset]) -> list[dict[str, float]]:
    """Each metric by name, for each lane. outputs: [K, n, outputs]; y: [K, n]."""
    reads = {metric.reads for metric in metrics}
    predictions = {kind: predicted(outputs, kind) for kind in sorted(reads)}
    truth, judged = y.cpu().numpy(), []
    for lane, data in enumerate(datasets):
        true = unstandardised(truth[lane], data)
        of_lane = {kind: unstandardised(prediction[lane], data) for kind, prediction in predictions.items()}
        judged.append({metric.name: float(metric.function(true, of_lane[metric.reads])) for metric in metrics})
    return judged


def predicted(outputs: Tensor, reads: str) -> np.ndarray:
    """The predictions that a metric reads: labels [K, n], probabilities [K, n, classes] or values [K, n]."""
    if reads == "labels":
        return outputs.argmax(2).cpu().numpy()
    if reads == "probabilities":
        return outputs.double().softmax(2).cpu().numpy()
    return outputs.squeeze(2).float().cpu().numpy()


def unstandardised(values: np.ndarray, data: Dataset) -> np.ndarray:
    """Values in the target's unit; class numbers and probabilities as they are."""
    if isinstance(data.target, Quantity):
        return values.astype(np.float64) * data.target.std + data.target.mean
    return values


def counts(right: Tensor) -> tuple[list[int], list[int]]:
    """Right predictions and samples in each batch of `EVALUATION_BATCH`. right: [n] bool."""
    batches = right.split(EVALUATION_BATCH)
    return [int(batch.sum()) for batch in batches], [len(batch) for batch in batches]
