"""ModelBatch: the nets of one optimizer stacked through `torch.vmap`. ``python -m benchmarks.peers.model_batch``.

Its nets share each batch, so a seed decides a net's weights only. Learning rates go through its `OptimizerFactory`:
the `lr_list`, `optimizer_cls` and `step()` of its README do not exist in 0.1.0.
"""

from collections.abc import Sequence
from itertools import product

import torch
from modelbatch import ModelBatch, OptimizerFactory
from torch import nn
from torch.nn import functional as F

from benchmarks.plain import OPTIMIZERS, net
from benchmarks.programs import digits_program
from benchmarks.work import announce, from_arguments
from hpsearch.components.data.dataset import Split
from hpsearch.engine.spec import StackSpec


def seeded(program: StackSpec, seed: int) -> nn.Module:
    """A net whose weights are drawn from this seed."""
    torch.manual_seed(seed)
    return net(program)


@torch.no_grad()
def accuracies(batch: ModelBatch, part: Split) -> list[float]:
    """Of each net."""
    correct: torch.Tensor = batch(part.x).argmax(2) == part.y
    return correct.double().mean(1).tolist()


def train(program: StackSpec, name: str, nets: Sequence[tuple[float, int]], epochs: int) -> list[float]:
    """The validation accuracies of nets with these learning rates and seeds."""
    batch = ModelBatch([seeded(program, seed) for _, seed in nets], shared_input=True)
    optimizer = OptimizerFactory(OPTIMIZERS[name]).create_optimizer(batch, [{"lr": lr} for lr, _ in nets])
    data, validation = program.data, [0.0]
    for _ in range(epochs):
        for i in torch.randperm(len(data.train)).split(program.batch_size):
            optimizer.zero_grad()
            batch.compute_loss(batch(data.train.x[i]), data.train.y[i], F.cross_entropy).backward()
            optimizer.step()
        validation = accuracies(batch, data.validation)
    accuracies(batch, data.test)
    return validation


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    program, work = digits_program(), from_arguments()
    for name in work.optimizers:
        nets = list(product(work.lrs, range(work.seeds)))
        for (lr, seed), accuracy in zip(nets, train(program, name, nets, work.epochs), strict=True):
            announce(name, lr, seed, accuracy)
