"""Predictions and losses of a stack, and the metrics that judge them.

Axes: K lanes, B batch.
"""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from hpsearch.components.architecture.model import Model
from hpsearch.components.data.dataset import Dataset
from hpsearch.components.layers import Tensors
from hpsearch.components.metric import Metric
from hpsearch.components.target import Quantity, Target
from hpsearch.engine import randomness
from hpsearch.engine.dropout import Dropout
from hpsearch.engine.loss import loss
from hpsearch.engine.samples import EVALUATION_BATCH, Samples

Predict = Callable[[int, Tensor], Tensor]  # number of a batch, x [K, B, features] -> outputs [K, B, outputs]


def evaluate(predict: Predict, samples: Samples) -> tuple[Tensor, Tensor]:
    """The outputs for each sample, [K, n, outputs], and the summed losses, [K] float64."""
    outputs, losses = [], torch.zeros(samples.lanes, dtype=torch.float64, device=samples.device)
    for number, (x, y) in enumerate(samples.batches()):
        outputs.append(predict(number, x))
        losses += loss(outputs[-1], y).sum(1, dtype=torch.float64)
    return torch.cat(outputs, 1), losses


def by_forward(model: Model, tensors: Tensors) -> Predict:
    """Predict by one pass without dropout."""

    @torch.no_grad()
    def predict(number: int, x: Tensor) -> Tensor:
        return model.forward(tensors, x, None, training=False)

    return predict


def by_passes(
    model: Model, tensors: Tensors, passes: int, p: Sequence[float], seeds: Sequence[int], classes: bool
) -> Predict:
    """Predict by the mean of several passes with dropout left on (Gal and Ghahramani, 2016).

    p, seeds: of each lane. classes: the outputs are logarithms of mean probabilities.
    """
    dropouts: dict[tuple[torch.dtype, torch.device], Dropout] = {}

    @torch.no_grad()
    def predict(number: int, x: Tensor) -> Tensor:
        if (x.dtype, x.device) not in dropouts:
            dropouts[x.dtype, x.device] = Dropout(p, x.dtype, x.device)
        dropout, total = dropouts[x.dtype, x.device], torch.zeros((), device=x.device)
        for one in range(number * passes, (number + 1) * passes):
            keys = [randomness.keys(seed, "test", one, 1, model.dropouts)[0] for seed in seeds]
            step = dropout.of_step(torch.stack(keys, 1).to(x.device))
            logits = model.forward(tensors, x, step, training=False).float()
            total = total + (logits.softmax(2) if classes else logits)
        mean = total / passes
        return mean.log() if classes else mean

    return predict


def judge(metrics: Sequence[Metric], outputs: Tensor, y: Tensor, datasets: Sequence[Dataset]) -> list[dict[str, float]]:
    """Each metric by name, for each lane. outputs: [K, n, outputs]; y: [K, n]."""
    reads = {metric.reads for metric in metrics}
    predictions = {kind: predicted(outputs, kind) for kind in sorted(reads)}
    truth, judged = y.cpu().numpy(), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of nets that always predict the same, in every epoch
        for lane, data in enumerate(datasets):
            true = unstandardised(truth[lane], data.target)
            of_lane = {kind: unstandardised(each[lane], data.target) for kind, each in predictions.items()}
            judged.append({metric.name: float(metric.function(true, of_lane[metric.reads])) for metric in metrics})
    return judged


def predicted(outputs: Tensor, reads: str) -> np.ndarray:
    """The predictions that a metric reads: labels [K, n], probabilities [K, n, classes] or values [K, n]."""
    if reads == "labels":
        return outputs.argmax(2).cpu().numpy()
    if reads == "probabilities":
        return outputs.double().softmax(2).cpu().numpy()
    return outputs.squeeze(2).float().cpu().numpy()


def unstandardised(values: np.ndarray, target: Target) -> np.ndarray:
    """Values in the target's unit; class numbers and probabilities as they are."""
    if isinstance(target, Quantity):
        return values.astype(np.float64) * target.std + target.mean
    return values


def counts(right: Tensor) -> tuple[list[int], list[int]]:
    """Right predictions and samples in each batch of `EVALUATION_BATCH`. right: [n] bool."""
    batches = right.split(EVALUATION_BATCH)
    return [int(batch.sum()) for batch in batches], [len(batch) for batch in batches]
