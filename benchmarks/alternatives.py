"""What people write without hpsearch: the same training with `nn.Linear`, `torch.optim` and one run at a time.

Each trains, validates after every epoch and tests once, as hpsearch does, and returns its validation accuracy.
"""

import itertools
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from hpsearch.archives import torchvision_datasets
from hpsearch.data import Part
from hpsearch.engine import EVALUATION_BATCH
from hpsearch.stack import Program

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "rmsprop": torch.optim.RMSprop,
}


def _net(program: Program) -> nn.Sequential:
    sizes = (program.model.inputs, *program.model.widths)
    hidden = [layer for a, b in itertools.pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(sizes[-1], program.model.outputs))


def _epoch(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    loss_function = nn.CrossEntropyLoss()
    for x, y in batches:
        optimizer.zero_grad()
        loss_function(model(x), y).backward()
        optimizer.step()


@torch.no_grad()
def _accuracy(model: nn.Module, part: Part) -> float:
    return float((model(part.x).argmax(1) == part.y).double().mean())


def plain_loop(program: Program, name: str, lr: float, seed: int, epochs: int) -> float:
    """One run from a resident tensor: the fastest plain way."""
    torch.manual_seed(seed)
    model, data = _net(program), program.data
    optimizer = OPTIMIZERS[name](model.parameters(), lr=lr)  # type: ignore[call-arg]
    validation = 0.0
    for _ in range(epochs):
        order = torch.randperm(len(data.train)).split(program.batch_size)
        _epoch(model, optimizer, ((data.train.x[i], data.train.y[i]) for i in order))
        validation = _accuracy(model, data.validation)
    _accuracy(model, data.test)
    return validation


def textbook(program: Program, root: Path, lr: float, epochs: int) -> float:
    """One run of SGD on Fashion-MNIST as tutorials write it: `DataLoader`, `ToTensor`, `Normalize`."""
    torch.manual_seed(0)
    datasets = torchvision_datasets()
    from torchvision.transforms import Compose, Normalize, ToTensor

    images = datasets.FashionMNIST(root, transform=Compose([ToTensor(), Normalize((0.5,), (0.5,))]))
    train = DataLoader(Subset(images, range(len(program.data.train))), program.batch_size, shuffle=True)
    rest = Subset(images, range(len(program.data.train), len(images)))
    model = nn.Sequential(nn.Flatten(), *_net(program))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    validation = 0.0
    for _ in range(epochs):
        _epoch(model, optimizer, train)
        with torch.no_grad():
            correct = sum(int((model(x).argmax(1) == y).sum()) for x, y in DataLoader(rest, program.batch_size))
        validation = correct / len(rest)
    return validation


def products(program: Program, lanes: int, epochs: int) -> None:
    """The matrix products of the training, of its validations and of its test, and nothing else."""
    data = program.data
    for _ in range(epochs):
        _products(program, lanes, len(data.train), program.batch_size, training=True)
        _products(program, lanes, len(data.validation), EVALUATION_BATCH, training=False)
    _products(program, lanes, len(data.test), EVALUATION_BATCH, training=False)


def _products(program: Program, lanes: int, samples: int, batch_size: int, training: bool) -> None:
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
