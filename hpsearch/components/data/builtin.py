"""The data sets of ``data=``: a name and the function of its options that loads it.

A function returns the rows and leaves splitting and preprocessing to hpsearch: a `Raw`, arrays (x, y) or
(x, y, x_test, y_test), or a frame and the name of its target. A function that does all of it itself returns a
`Dataset`.
"""

from collections.abc import Callable
from functools import partial
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.components import registry
from hpsearch.components.data import mnist_archives
from hpsearch.components.data.arrays import npz
from hpsearch.components.data.raw import Indices, Raw
from hpsearch.components.data.stratified import stratified
from hpsearch.components.data.table import table
from hpsearch.components.target import Classes
from hpsearch.errors import require

DIGITS = "sklearn/datasets/data/digits.csv.gz"  # read directly, because importing scikit-learn takes two seconds
TEN = Classes(mnist_archives.CLASSES["MNIST"])


def hold_out(y: np.ndarray, key: str, size: int, seed: int) -> tuple[Indices, Indices]:
    """Draw the split `key`, stratified: the row numbers of the rest, and those drawn.

    Raises OutOfRange unless 10 samples or more are left on both sides.
    """
    most = len(y) - 10
    require(10 <= size <= most, key, size, f"between 10 and {most} samples")
    require(0 <= seed < 2**32, "split_seed", seed, "at least 0 and below 2**32")
    return stratified(y, size, seed)


def torchvision_set(dataset: str, root: str, validation: int, split_seed: int) -> Raw:
    """A data set of torchvision's MNIST family; the validation split is drawn from the 60,000 training images."""
    train_x, train_y, test_x, test_y = mnist_archives.load(dataset, Path(root))
    x = np.concatenate([train_x.numpy(), test_x.numpy()])[:, None]
    y = np.concatenate([train_y.numpy(), test_y.numpy()]).astype(np.int64)
    rest, drawn = hold_out(y[: len(train_y)], "validation", validation, split_seed)
    parts = rest, drawn, np.arange(len(train_y), len(y))
    return Raw(x, y, Classes(mnist_archives.CLASSES[dataset]), test_rows=len(test_y), parts=parts)


def digits(validation: int, test: int, split_seed: int) -> Raw:
    """scikit-learn's bundled 1,797 digits of 8 x 8 pixels. The test split is drawn: there is no official one."""
    pixels = np.loadtxt(str(distribution("scikit-learn").locate_file(DIGITS)), delimiter=",")
    x, y = pixels[:, :-1].reshape(-1, 1, 8, 8), pixels[:, -1].astype(np.int64)
    rest, drawn = hold_out(y, "test", test, split_seed)
    train, held_out = hold_out(y[rest], "validation", validation, split_seed)
    return Raw(x, y, TEN, parts=(rest[train], rest[held_out], drawn))


_own: dict[str, Callable[..., Any]] = {
    "fashion_mnist": partial(torchvision_set, "FashionMNIST"),
    "mnist": partial(torchvision_set, "MNIST"),
    "digits": digits,
    "table": table,
    "arrays": npz,
}
DATASETS = registry.table("data", _own, function=True)
