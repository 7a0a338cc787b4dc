"""What people write without hpsearch: the same training with `nn.Linear`, `torch.optim` and one run at a time."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from hpsearch.data import Dataset
from hpsearch.stack import Program

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "rmsprop": torch.optim.RMSprop,
}


def net(program: Program) -> nn.Sequential:
    """The program's MLP as PyTorch's own modules."""
    sizes = (program.model.inputs, *program.model.widths)
    hidden = [layer for a, b in zip(sizes, sizes[1:], strict=False) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(sizes[-1], program.model.outputs))


def accuracy(model: nn.Module, data: Dataset) -> float:
    """On the validation part."""
    with torch.no_grad():
        return float((model(data.validation.x).argmax(1) == data.validation.y).double().mean())


def _epochs(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    loss_function = nn.CrossEntropyLoss()
    for x, y in batches:
        optimizer.zero_grad()
        loss_function(model(x), y).backward()
        optimizer.step()


def plain_loop(program: Program, name: str, lr: float, seed: int, epochs: int) -> float:
    """One run from a resident tensor, the fastest plain way; returns its validation accuracy."""
    torch.manual_seed(seed)
    model, data = net(program), program.data
    optimizer = OPTIMIZERS[name](model.parameters(), lr=lr)  # type: ignore[call-arg]
    value = 0.0
    for _ in range(epochs):
        order = torch.randperm(len(data.train)).split(program.batch_size)
        _epochs(model, optimizer, ((data.train.x[i], data.train.y[i]) for i in order))
        value = accuracy(model, data)
    return value


def textbook(program: Program, images: torch.utils.data.Dataset[tuple[Tensor, int]], lr: float, epochs: int) -> float:
    """One run of SGD as tutorials write it: a `DataLoader` over images that are transformed one by one."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), *net(program))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for _ in range(epochs):
        _epochs(model, optimizer, torch.utils.data.DataLoader(images, program.batch_size, shuffle=True))
    return accuracy(model, program.data)


def products(program: Program, lanes: int) -> None:
    """The matrix products of one epoch's training, and nothing else."""
    sizes = (program.model.inputs, *program.model.widths, program.model.outputs)
    whole, rest = divmod(len(program.data.train), program.batch_size)
    for batch, times in ((program.batch_size, whole), (rest, min(rest, 1))):
        h = [torch.randn(lanes, batch, size) for size in sizes]
        weights = [torch.randn(lanes, b, a) for a, b in zip(sizes, sizes[1:], strict=False)]
        for _ in range(times):
            for i, weight in enumerate(weights):
                torch.bmm(h[i], weight.mT)
            for i, weight in reversed(list(enumerate(weights))):
                torch.bmm(h[i + 1].mT, h[i])
                if i:
                    torch.bmm(h[i + 1], weight)
