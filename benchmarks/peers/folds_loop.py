"""A plain script: every configuration and fold in turn. ``python -m benchmarks.peers.folds_loop table.csv``."""

import statistics
import sys
from pathlib import Path

import torch
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from benchmarks.folds import BATCH, COLUMNS, EPOCHS, GRID, WIDTHS, Rows, announce, folds, read_table, test_rows
from benchmarks.plain import fastest

Part = tuple[Tensor, Tensor]


def search(path: Path) -> float:
    """The winner's mean validation RMSE. Each fold is standardised once, for all configurations."""
    x, y = read_table(path)
    splits = [standardised(x, y, *rows) for rows in folds()]
    return min(
        statistics.fmean(_train(lr, decay, seed, *split) for seed, split in enumerate(splits)) for lr, decay in GRID
    )


def standardised(x: Rows, y: Rows, train: Rows, validation: Rows) -> tuple[list[Part], float]:
    """The training, validation and test split, and the target's standard deviation."""
    inputs, target = StandardScaler().fit(x[train]), StandardScaler().fit(y[train, None])
    scaled = inputs.transform(x), target.transform(y[:, None])
    parts = [tuple(torch.from_numpy(each[rows]) for each in scaled) for rows in (train, validation, test_rows())]
    return parts, float(target.scale_[0])  # type: ignore[return-value]


def _train(lr: float, decay: float, seed: int, parts: list[Part], unit: float) -> float:
    """One run; validates after each epoch, tests once, returns the validation RMSE in the target's unit."""
    torch.manual_seed(seed)
    (x, y), validation, test = parts
    a, b = WIDTHS
    net = nn.Sequential(nn.Linear(COLUMNS, a), nn.ReLU(), nn.Linear(a, b), nn.ReLU(), nn.Linear(b, 1))
    decays = [{"params": [p], "weight_decay": decay if p.ndim > 1 else 0.0} for p in net.parameters()]
    optimizer = torch.optim.Adam(decays, lr=lr)
    loss = nn.MSELoss()
    found = 0.0
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss(net(x[rows]), y[rows]).backward()
            optimizer.step()
        found = _rmse(net, *validation)
    _rmse(net, *test)
    return found * unit


@torch.no_grad()
def _rmse(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return float((net(x) - y).square().mean().sqrt())


if __name__ == "__main__":
    fastest()
    announce(search(Path(sys.argv[1])))
