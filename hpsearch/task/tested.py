"""The test rows of a run once more: what its net says of each, and the rows that it gets most wrong."""

from typing import Any

import numpy as np
from omegaconf import DictConfig

from hpsearch.components.data.dataset import Dataset
from hpsearch.components.data.load import arguments, dataset_of, parts_of, rows_of
from hpsearch.components.data.raw import Raw
from hpsearch.components.split import NAMES
from hpsearch.components.target import Quantity
from hpsearch.engine.evaluate import predicted, unstandardised
from hpsearch.errors import require
from hpsearch.record.file import key_of
from hpsearch.record.implied import DEFAULT
from hpsearch.record.predictions import Predictions
from hpsearch.task.identity import identity_of, located, resolved
from hpsearch.task.net import Net

SHOWN = 12  # rows that are shown as the most wrong


class DataOfRun:
    """The data set of a run, and its rows as they were loaded."""

    def __init__(self, cfg: DictConfig, key: str) -> None:
        """cfg: of the run. key: of its record. Raises UsageError if the data is not there, or has changed."""
        values = resolved(cfg)
        config = identity_of(values)
        require(key_of(config) == key, "data", config["data"]["name"], "as it was; its file has gone or has changed")
        data, split = (located(values, config, group) for group in ("data", "split"))
        self._arguments = arguments(data, split, config.get("preprocessing", DEFAULT), config["seed"])

    @property
    def dataset(self) -> Dataset:
        """Preprocessed, as nets read it."""
        return dataset_of(*self._arguments)

    def rows(self, part: str, places: np.ndarray | None = None) -> tuple[np.ndarray, Any]:
        """The numbers in the data, and as they were loaded, of the rows of a split: train, validation or test.

        places: some of them, by their places in the split.
        """
        data, split, _, seed = self._arguments
        raw, chosen = rows_of(data), slice(None) if places is None else places
        if not isinstance(raw, Raw):
            x = getattr(raw, part).x[chosen]
            return np.arange(len(getattr(raw, part)))[chosen], x.reshape(len(x), *raw.shape).numpy()
        numbers = parts_of(data, split, seed)[NAMES.index(part)][chosen]
        if raw.table is None:
            return numbers, raw.x[numbers]
        return numbers, raw.table[[column.name for column in raw.columns]].iloc[numbers]


def predictions(net: Net, data: DataOfRun) -> Predictions:
    """The predictions of a net on the test rows of its run."""
    test, target = data.dataset.test, net.target
    outputs, probability = net.outputs(test.x)[None], np.zeros((0, 2), np.float32)
    if isinstance(target, Quantity):
        y = unstandardised(test.y.numpy(), target)
        found = unstandardised(predicted(outputs, "values")[0], target)
        wrong = np.abs(found - y)
        worst = np.argsort(-wrong, kind="stable")[:SHOWN]
    else:
        y, found = test.y.numpy(), predicted(outputs, "labels")[0]
        each = predicted(outputs, "probabilities")[0]
        every = np.arange(len(y))
        probability = np.stack([each[every, found], each[every, y]], 1).astype(np.float32)
        worst = np.argsort(probability[:, 1], kind="stable")
        worst = worst[found[worst] != y[worst]][:SHOWN]
    numbers, rows = data.rows("test", worst)
    images, columns, cells = np.zeros(0), np.zeros(0, np.str_), np.zeros((0, 0), np.str_)
    if hasattr(rows, "columns"):
        columns, cells = np.array(rows.columns, np.str_), rows.map(_text).to_numpy().astype(np.str_)
    elif rows.ndim > 2:
        images = rows
    else:
        columns, cells = np.arange(rows.shape[1]).astype(np.str_), np.vectorize(_text, [np.str_])(rows)
    names = np.array([] if isinstance(target, Quantity) else target.names, np.str_)
    return Predictions(names, y, found, probability, worst, numbers, images, columns, cells)


def _text(value: Any) -> str:
    """A value of a table for reading."""
    if value is None or value != value:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
