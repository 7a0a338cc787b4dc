"""The built-in data sets.

To add one, write a function of its options that returns a `Dataset`, name it in `DATASETS` and add
``conf/data/<name>.yaml``.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from importlib.metadata import distribution
from pathlib import Path

import numpy as np

from hpsearch.components import registry
from hpsearch.components.data import mnist_archives
from hpsearch.components.data.dataset import Dataset, standardized
from hpsearch.components.data.stratified import stratified
from hpsearch.errors import require

DIGITS = "sklearn/datasets/data/digits.csv.gz"  # read directly, because importing scikit-learn takes two seconds


def hold_out(x: np.ndarray, y: np.ndarray, key: str, size: int, seed: int) -> tuple[np.ndarray, ...]:
    """Draw the split `key`, stratified. Returns (rest of x, drawn x, rest of y, drawn y).

    Raises OutOfRange unless 10 samples or more are left on both sides.
    """
    most = len(y) - 10
    require(10 <= size <= most, key, size, f"between 10 and {most} samples")
    rest, drawn = stratified(y, size, seed)
    return x[rest], x[drawn], y[rest], y[drawn]


def torchvision_set(dataset: str, root: str, validation: int, split_seed: int) -> Dataset:
    """A data set of torchvision's MNIST family; the validation split is drawn from the 60,000 training images."""
    train_x, train_y, test_x, test_y = mnist_archives.load(dataset, Path(root))
    x, y = train_x.flatten(1).numpy(), train_y.numpy()
    x, x_validation, y, y_validation = hold_out(x, y, "validation", validation, split_seed)
    test = test_x.flatten(1).numpy(), test_y.numpy()
    return standardized((x, y), (x_validation, y_validation), test, shape=(1, 28, 28))


def digits(validation: int, test: int, split_seed: int) -> Dataset:
    """scikit-learn's bundled 1,797 digits of 8 x 8 pixels. The test split is drawn: there is no official one."""
    table = np.loadtxt(str(distribution("scikit-learn").locate_file(DIGITS)), delimiter=",")
    x, y = table[:, :-1], table[:, -1]
    x, x_test, y, y_test = hold_out(x, y, "test", test, split_seed)
    x, x_validation, y, y_validation = hold_out(x, y, "validation", validation, split_seed)
    return standardized((x, y), (x_validation, y_validation), (x_test, y_test), shape=(1, 8, 8))


_own: dict[str, Callable[..., Dataset]] = {
    "fashion_mnist": partial(torchvision_set, "FashionMNIST"),
    "mnist": partial(torchvision_set, "MNIST"),
    "digits": digits,
}
DATASETS = registry.table("data", _own, function=True)


@cache
def load(name: str, **options: str | int) -> Dataset:
    """The data set `name` on the CPU in float32, loaded once per process.

    Raises UsageError if the data set cannot be loaded, OutOfRange for an option out of range.
    """
    return replace(DATASETS[name](**options), source=(_load, (name, options)))


def _load(name: str, options: dict[str, str | int]) -> Dataset:
    return load(name, **options)
