"""From rows as they were loaded to what a net reads, with what the data set of its run has fitted."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hpsearch.components.preprocessing import Pixels, Transform
from hpsearch.errors import UsageError

Rows = Any  # a frame, an array, a tensor, or a list of rows


@dataclass(frozen=True)
class Inputs:
    """shape, transform: as of the run's `Dataset`."""

    shape: tuple[int, ...]
    transform: Transform | None

    def __call__(self, rows: Rows) -> Tensor:
        """x of the rows. A tensor keeps its gradient if the preprocessing is that of images. Raises UsageError."""
        fitted = self.transform.fitted if self.transform else None
        if self.transform is not None and self.transform.columns:
            rows = self._frame(rows)
        elif hasattr(rows, "to_numpy"):
            rows = rows.to_numpy()
        if not len(rows):
            raise UsageError(["rows: there are none"])
        if isinstance(rows, Tensor) and (fitted is None or isinstance(fitted, Pixels)):
            flat = rows.reshape(len(rows), -1)
            self._require(flat.shape[1], prod(self.shape), rows)
            return flat.float() if fitted is None else ((flat.double() - fitted.mean) / fitted.std).float()
        if self.transform is None or not self.transform.columns:
            rows = np.asarray(rows.detach().cpu() if isinstance(rows, Tensor) else rows)
            wanted = getattr(fitted, "n_features_in_", prod(self.shape))
            self._require(prod(rows.shape[1:]), wanted, rows)
        if self.transform is None:
            return torch.from_numpy(rows.reshape(len(rows), -1).astype(np.float32))
        try:
            return torch.from_numpy(self.transform(rows))
        except (ValueError, TypeError) as error:  # UsageError passes
            raise UsageError([f"rows: {str(error).partition(chr(10))[0]}"]) from error

    def _frame(self, rows: Rows) -> Any:
        """The rows as a frame. An array has the columns in the order of training."""
        import pandas as pd

        if isinstance(rows, pd.DataFrame):
            return rows.rename(columns=str)
        assert self.transform is not None
        names = [column.name for column in self.transform.columns]
        values = np.asarray(rows.detach().cpu() if isinstance(rows, Tensor) else rows)
        self._require(prod(values.shape[1:]), len(names), values)
        return pd.DataFrame(values.reshape(len(values), -1), columns=names)

    def _require(self, found: int, wanted: int, rows: Any) -> None:
        if found != wanted:
            must = f"[n, {wanted}]" if len(self.shape) == 1 else f"[n, {', '.join(map(str, self.shape))}]"
            raise UsageError([f"rows: have the shape {list(rows.shape)}; must be {must}"])
