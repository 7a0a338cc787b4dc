"""The predictions of a run on its test rows: ``predictions.npz`` in its folder, plain arrays that a report reads."""

import zipfile
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.record.file import write_whole

FILE = "predictions.npz"


@dataclass(frozen=True)
class Predictions:
    """n test rows, m of which are shown because they are the most wrong.

    classes: their names; empty for a quantity. y, predicted: [n] class numbers, or values in the target's unit.
    probability: [n, 2] of the predicted and of the true class; empty for a quantity.
    worst: [m] places in y, the most wrong first. rows: [m] their numbers in the data.
    images: [m, *shape] as they were loaded; empty for a table. columns: of a table; cells: [m, columns] texts.
    """

    classes: np.ndarray
    y: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray
    worst: np.ndarray
    rows: np.ndarray
    images: np.ndarray
    columns: np.ndarray
    cells: np.ndarray

    def write(self, folder: Path) -> None:
        """Write the file whole or not at all."""
        buffer = BytesIO()
        np.savez_compressed(buffer, **vars(self))
        write_whole(folder / FILE, buffer.getvalue())

    @classmethod
    def read(cls, folder: Path) -> "Predictions | None":
        """The predictions in a run's folder, or None where there are no valid ones."""
        try:
            content = BytesIO((folder / FILE).read_bytes())  # `np.load` does not close a file that is torn
            with np.load(content, allow_pickle=False) as stored:
                found: dict[str, Any] = {each.name: stored[each.name] for each in fields(cls)}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        return cls(**found)
