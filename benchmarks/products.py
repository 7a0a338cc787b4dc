"""The matrix products of a training and nothing else: how fast it could be on this machine."""

import itertools

import torch

from hpsearch.components.architecture.mlp import MLP
from hpsearch.engine.samples import EVALUATION_BATCH
from hpsearch.engine.spec import StackSpec


def products(program: StackSpec, lanes: int, epochs: int) -> None:
    """Those of the training, of its validations and of its test."""
    data = program.data
    for _ in range(epochs):
        _products(program, lanes, len(data.train), program.batch_size, training=True)
        _products(program, lanes, len(data.validation), EVALUATION_BATCH, training=False)
    _products(program, lanes, len(data.test), EVALUATION_BATCH, training=False)


def _products(program: StackSpec, lanes: int, samples: int, batch_size: int, training: bool) -> None:
    assert isinstance(program.model, MLP)
    sizes = (program.model.inputs, *program.model.widths, program.model.outputs)
    weights = [torch.randn(lanes, b, a) for a, b in itertools.pairwise(sizes)]
    whole, rest = divmod(samples, batch_size)
    for batch, times in ((batch_size, whole), (rest, min(rest, 1))):
        h = [torch.randn(lanes, batch, size) for size in sizes]
        for _ in range(times):
            for i, weight in enumerate(weights):
                torch.bmm(h[i], weight.mT)
            for i, weight in reversed(list(enumerate(weights))) if training else ():
                torch.bmm(h[i + 1].mT, h[i])
                if i:  # the data need no gradient
                    torch.bmm(h[i + 1], weight)
