"""The rows of a data set as they are loaded, before they are split and preprocessed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.components.target import Target

Indices = NDArray[np.int64]
Parts = tuple[Indices, Indices, Indices]  # the row numbers of the training, validation and test split
MISSING = "(missing)"  # the category of a text that is missing


@dataclass(frozen=True)
class Column:
    """A column of a table that nets read.

    categories: its values, as texts; empty for a numeric column. missing: True if a value is missing in some row.
    """

    name: str
    categories: tuple[str, ...] = ()
    missing: bool = False


@dataclass(frozen=True, eq=False)
class Raw:
    """All rows of a data set.

    x: [n, *shape] array, or a frame with the columns of `columns`: float64, or texts without missing values.
    y: [n] class numbers (int64), or values in the target's unit (float64).
    columns: of a frame, in order; empty for an array.
    table: every column as it was read, by which a split may group or choose rows; None for an array.
    test_rows: the last so many rows are an official test split.
    parts: the split that the data set brings (``split=default``); None if it has none.
    described: lines for ``plan=true``. warnings: a line for each thing that looks wrong.
    """

    x: Any
    y: NDArray[Any]
    target: Target
    columns: tuple[Column, ...] = ()
    table: Any = None
    test_rows: int = 0
    parts: Parts | None = None
    described: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.y)

    @property
    def free(self) -> Indices:
        """The rows that may be split: all but the official test rows."""
        return np.arange(len(self) - self.test_rows)
