"""Arrays as a data set: ``data=arrays data.path=….npz``."""

import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.components.data.labels import target_of
from hpsearch.components.data.raw import Raw
from hpsearch.errors import UsageError, require
from hpsearch.formatting import count

NAMES = ("x", "y", "x_test", "y_test")


def npz(path: str | None, task: str = "auto") -> Raw:
    """The arrays x and y of an .npz file, and x_test and y_test if it has them."""
    require(path is not None, "path", path, "an .npz file with the arrays x and y")
    file = Path(str(path))
    found = arrays_of(file, NAMES, "data.path=")
    complete = {"x", "y"} <= found.keys() and ("x_test" in found) == ("y_test" in found)
    has = ", ".join(found) or "none of them"
    require(complete, "path", path, f"a file with the arrays x and y, or x, y, x_test and y_test; it has {has}")
    return raw_of_arrays(tuple(found.values()), task, file.name)


def arrays_of(file: Path, names: Collection[str], key: str = "") -> dict[str, np.ndarray]:
    """The arrays of these names in an .npz file. key: stands before the file in a fault. Raises UsageError."""
    if not zipfile.is_zipfile(file):
        fault = "must be an .npz file, as numpy.savez writes it" if file.is_file() else "must be a file that exists"
        raise UsageError([f"{key}{file}: {fault}"])
    try:
        with np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in names if name in stored}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        objects = "allow_pickle" in str(error)  # numpy's advice would run code of the file
        reason = "it holds Python objects; save numbers, as x.astype(float)" if objects else error
        raise UsageError([f"{key}{file}: cannot be read as plain arrays: {reason}"]) from error


def raw_of_arrays(arrays: tuple[Any, ...], task: str = "auto", name: str = "arrays") -> Raw:
    """The rows of (x, y) or (x, y, x_test, y_test). x: [n, *shape] numbers; y: [n]. Raises UsageError."""
    x, y, *test = map(np.asarray, arrays)
    test_rows = 0
    if test:
        x_test, y_test = test
        same = x.shape[1:] == x_test.shape[1:]
        _require(same, f"x has samples of shape {x.shape[1:]} and x_test of {x_test.shape[1:]}; they must be equal")
        _require(len(x_test) == len(y_test), f"x_test has {len(x_test)} rows and y_test {len(y_test)}")
        x, y, test_rows = np.concatenate([x, x_test]), np.concatenate([y, y_test]), len(y_test)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    _require(x.ndim >= 2, f"x has the shape {x.shape}; it must be [rows, features], or [rows, *shape] for images")
    _require(y.ndim == 1, f"y has the shape {y.shape}; it must have one value for each row")
    _require(0 not in x.shape[1:], f"x has the shape {x.shape}; it must have a feature or more")
    _require(len(x) == len(y), f"x has {len(x)} rows and y {len(y)}")
    _require(x.dtype.kind in "biuf", f"x holds {x.dtype}; it must be numbers")
    _require(not np.isinf(x).any(), "x has infinite values")
    _require(x.ndim == 2 or not np.isnan(x).any(), "x has values that are missing (nan); only [n, features] may")
    values, target = target_of(y, task, "y", few=len(y))
    shape = " × ".join(map(str, x.shape[1:]))
    line = f"{name}: {count(len(y), 'row')} of {shape}, of them {test_rows} test rows; y: {target.kind}"
    return Raw(x, values, target, test_rows=test_rows, described=(line,))


def _require(valid: bool, fault: str) -> None:
    if not valid:
        raise UsageError([f"data: {fault}"])
