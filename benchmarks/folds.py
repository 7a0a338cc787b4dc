"""Cross-validation on a table: the same rows, folds, net and grid for everyone, weight decay for all but the biases.
Imports no torch.

A peer prints the winner's mean validation RMSE over the folds (`announce`); the suite reads it (`rmse`).
"""

import re
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import make_friedman1
from sklearn.model_selection import KFold

ROWS, COLUMNS, FOLDS, TEST = 1000, 10, 5, 200
WIDTHS, BATCH, EPOCHS = (64, 64), 64, 100
LRS = (0.03, 0.01, 0.003, 0.001, 0.0003)
DECAYS = (0.0, 0.0001, 0.001, 0.01)  # added to the gradient of the mean squared error
GRID = list(product(LRS, DECAYS))
RUNS = len(GRID) * FOLDS

Rows = np.ndarray


def write_table(path: Path) -> None:
    """Friedman's first function of five of the columns, with noise of standard deviation 1."""
    x, y = make_friedman1(ROWS, COLUMNS, noise=1.0, random_state=0)
    frame = pd.DataFrame(x, columns=[f"x{number}" for number in range(COLUMNS)])
    frame.assign(y=y).to_csv(path, index=False)


def read_table(path: Path) -> tuple[Rows, Rows]:
    """x and y in float32, which the nets compute in."""
    values = pd.read_csv(path).to_numpy(np.float32)
    return values[:, :-1], values[:, -1]


def folds() -> list[tuple[Rows, Rows]]:
    """The training and validation rows of each fold: those of ``split=kfold``. The rows of the test are in none."""
    rest = np.random.RandomState(0).permutation(ROWS)[TEST:]
    splits = KFold(FOLDS, shuffle=True, random_state=0).split(rest)
    return [(rest[train], rest[validation]) for train, validation in splits]


def test_rows() -> Rows:
    """The rows that no fold has."""
    return np.random.RandomState(0).permutation(ROWS)[:TEST]


def overrides(path: Path) -> list[str]:
    """The sweep for hpsearch's command line. It names no seeds, so that it trains all folds."""
    return [
        "data=table",
        f"data.path={path}",
        "split=kfold",
        f"split.folds={FOLDS}",
        f"split.test={TEST}",
        f"architecture.widths=[{','.join(map(str, WIDTHS))}]",
        f"batch_size={BATCH}",
        f"epochs={EPOCHS}",
        "optimizer=adam",
        "decay_biases=false",
        f"lr={','.join(map(str, LRS))}",
        f"optimizer.weight_decay={','.join(map(str, DECAYS))}",
    ]


def announce(found: float) -> None:
    """Print the winner's RMSE."""
    print(f"best {found:.6f}")


def rmse(output: str) -> float | None:
    """The RMSE that `announce` printed."""
    found = re.search(r"^best (\S+)$", output, flags=re.MULTILINE)
    return float(found[1]) if found else None
