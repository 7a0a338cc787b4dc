"""The loop that people write without hpsearch: `nn.Linear`, `torch.optim`, one run at a time, the data in memory."""

import itertools
import statistics
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from hpsearch.components.architecture.mlp import MLP
from hpsearch.components.architecture.module import ModuleModel
from hpsearch.components.data.dataset import Split
from hpsearch.engine.spec import StackSpec

EVALUATION = 2048  # samples at once, because the features of a convolution take much memory

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "rmsprop": torch.optim.RMSprop,
}


def fastest() -> None:
    """One thread, and no denormal numbers: what trains nets of 64 units the fastest in a plain loop."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def net(program: StackSpec) -> nn.Module:
    """The program's model for one run, on its device."""
    if isinstance(program.model, ModuleModel):
        module = program.model.new_module(torch.initial_seed()).to(program.device)
        image = len(program.model.inputs) > 1
        return nn.Sequential(nn.Unflatten(1, program.model.inputs), module) if image else module
    assert isinstance(program.model, MLP)
    sizes = (program.model.inputs, *program.model.widths)
    hidden = [layer for a, b in itertools.pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(sizes[-1], program.model.outputs)).to(program.device)


def train_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """One step for each batch."""
    loss_function = nn.CrossEntropyLoss()
    for x, y in batches:
        optimizer.zero_grad()
        loss_function(model(x), y).backward()
        optimizer.step()


@torch.no_grad()
def accuracy(model: nn.Module, part: Split) -> float:
    """The share of a part that is classified correctly."""
    model.eval()
    batches = zip(part.x.split(EVALUATION), part.y.split(EVALUATION), strict=True)
    correct = sum(int((model(x).argmax(1) == y).sum()) for x, y in batches)
    model.train()
    return correct / len(part)


def plain_loop(program: StackSpec, name: str, lr: float, seed: int, epochs: int) -> float:
    """One run; validates after each epoch, tests once, returns the validation accuracy."""
    torch.manual_seed(seed)
    model, data = net(program), program.data
    optimizer = OPTIMIZERS[name](model.parameters(), lr=lr)  # type: ignore[call-arg]
    validation = 0.0
    for _ in range(epochs):
        order = torch.randperm(len(data.train), device=program.device).split(program.batch_size)
        train_epoch(model, optimizer, ((data.train.x[i], data.train.y[i]) for i in order))
        validation = accuracy(model, data.validation)
    accuracy(model, data.test)
    return validation


def plain_loops(program: StackSpec, points: Sequence[tuple[str, float, int]], epochs: int) -> float:
    """A run for each (optimizer, lr, seed), one after the other; returns their mean validation accuracy."""
    return statistics.fmean(plain_loop(program, *point, epochs) for point in points)
