"""The protocol of ``experiment=uci`` as a plain script, run by run. ``python -m benchmarks.peers.uci_loop table.csv``.

Prints the mean test RMSE over the splits and its standard error.
"""

import argparse
import math
import statistics
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from benchmarks.plain import fastest

RATES, DECAYS = (0.005, 0.01, 0.05, 0.1), (1e-6, 1e-5, 1e-4)
WIDTH, BATCH, SPLITS, PASSES = 50, 128, 20, 1000
Part = tuple[Tensor, Tensor]


def splits(rows: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The published splits: training and test rows."""
    rng = np.random.RandomState(1)
    orders = [rng.choice(range(rows), rows, replace=False) for _ in range(SPLITS)]
    return [(order[: round(0.9 * rows)], order[round(0.9 * rows) :]) for order in orders]


def trained(train: Part, rate: float, decay: float, lr: float, epochs: int, seed: int) -> nn.Module:
    """A net with dropout on its inputs and its hidden units."""
    torch.manual_seed(seed)
    x, y = train
    hidden = nn.Sequential(nn.Dropout(rate), nn.Linear(x.shape[1], WIDTH), nn.ReLU())
    net = nn.Sequential(hidden, nn.Dropout(rate), nn.Linear(WIDTH, 1), nn.Flatten(0))
    optimizer, loss = torch.optim.Adam(net.parameters(), lr=lr, weight_decay=decay), nn.MSELoss()
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss(net(x[rows]), y[rows]).backward()
            optimizer.step()
    return net


@torch.no_grad()
def rmse(net: nn.Module, part: Part, passes: int = 0) -> float:
    """passes: with dropout left on, whose mean counts; 0: one without."""
    net.train(passes > 0)
    predicted = torch.stack([net(part[0]) for _ in range(max(1, passes))]).mean(0)
    return float((predicted - part[1]).square().mean().sqrt())


def test_rmse(x: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray, seed: int, epochs: list[int]) -> float:
    """One split: the best of twelve configurations by a fifth of the training rows, trained again on all of them."""

    def parts(fitted: np.ndarray, *others: np.ndarray) -> tuple[list[Part], float]:
        scale = y[fitted].std()
        mean, spread = x[fitted].mean(0), np.where(x[fitted].std(0) > 0, x[fitted].std(0), 1)
        inputs, target = torch.from_numpy((x - mean) / spread).float(), torch.from_numpy((y - y[fitted].mean()) / scale)
        return [(inputs[rows], target.float()[rows]) for rows in (fitted, *others)], float(scale)

    (fit, validation), _ = parts(train[: len(train) * 4 // 5], train[len(train) * 4 // 5 :])
    found = {point: rmse(trained(fit, *point, 0.01, epochs[0], seed), validation) for point in product(RATES, DECAYS)}
    (whole, held_out), unit = parts(train, test)
    return unit * rmse(
        trained(whole, *min(found, key=lambda point: found[point]), 0.001, epochs[1], seed), held_out, PASSES
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("table", type=Path)
    parser.add_argument("--epochs", type=int, nargs=2, default=[400, 4000], help="of the selection, and of the winner")
    arguments = parser.parse_args()
    fastest()
    rows = pd.read_csv(arguments.table).to_numpy()
    each = [
        test_rmse(rows[:, :-1], rows[:, -1], train, test, seed, arguments.epochs)
        for seed, (train, test) in enumerate(splits(len(rows)))
    ]
    print(f"{statistics.fmean(each):.4f} ± {statistics.stdev(each) / math.sqrt(SPLITS):.4f}")
