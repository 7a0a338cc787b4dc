"""One run on Fashion-MNIST as tutorials write it: `DataLoader`, `ToTensor`, `Normalize`."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

from benchmarks.plain import net, train_epoch
from benchmarks.programs import ROOT
from hpsearch.components.data.mnist_archives import torchvision_datasets
from hpsearch.engine.spec import StackSpec


def textbook(program: StackSpec, lr: float, epochs: int) -> float:
    """SGD; validates after each epoch, tests once, returns the validation accuracy."""
    torch.manual_seed(0)
    datasets = torchvision_datasets()
    from torchvision.transforms import Compose, Normalize, ToTensor

    pixels = Compose([ToTensor(), Normalize((0.5,), (0.5,))])
    images = datasets.FashionMNIST(ROOT, transform=pixels)
    train = DataLoader(Subset(images, range(len(program.data.train))), program.batch_size, shuffle=True)
    held_out = Subset(images, range(len(program.data.train), len(images)))
    model = nn.Sequential(nn.Flatten(), net(program))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    validation = 0.0
    for _ in range(epochs):
        train_epoch(model, optimizer, train)
        validation = _accuracy(model, held_out, program.batch_size)
    _accuracy(model, datasets.FashionMNIST(ROOT, train=False, transform=pixels), program.batch_size)
    return validation


@torch.no_grad()
def _accuracy(model: nn.Module, part: Dataset[tuple[torch.Tensor, torch.Tensor]], batch_size: int) -> float:
    batches = DataLoader(part, batch_size)
    correct = sum(int((model(x).argmax(1) == y).sum()) for x, y in batches)
    return correct / len(part)  # type: ignore[arg-type]  # torch's Dataset declares no length
