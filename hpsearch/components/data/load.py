"""The data set of a run: loaded, split and preprocessed, each once per process.

Options are passed as JSON, because a dict is no key of a cache. The fingerprint of a file is among them, so that the
cache tells an old content from the new one.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch

from hpsearch.components import preprocessing, registry
from hpsearch.components.data.arrays import raw_of_arrays
from hpsearch.components.data.builtin import DATASETS
from hpsearch.components.data.dataset import Dataset, Split
from hpsearch.components.data.raw import Indices, Parts, Raw
from hpsearch.components.data.table import raw_of_frame
from hpsearch.components.split import NAMES, SPLITS, Splitter, checked
from hpsearch.components.target import Quantity
from hpsearch.errors import UsageError
from hpsearch.formatting import count
from hpsearch.record.implied import DEFAULT

KEPT = 64  # data sets that a process holds beside those in training


@cache
def rows_of(data: str) -> Raw | Dataset:
    """The rows of a data set; a `Dataset` if its function has split them. Raises UsageError."""
    return as_rows(registry.build(DATASETS, json.loads(data)))


def as_rows(loaded: Any) -> Raw | Dataset:
    """The rows that a function of `DATASETS` has returned."""
    if isinstance(loaded, (Raw, Dataset)):
        return loaded
    if isinstance(loaded, tuple) and len(loaded) == 2 and isinstance(loaded[1], str):
        return raw_of_frame(*loaded)
    if isinstance(loaded, tuple) and len(loaded) in (2, 4):
        return raw_of_arrays(loaded)
    must = "(x, y), (x, y, x_test, y_test), (frame, target), a Raw or a Dataset"
    raise UsageError([f"data: the function returned a {type(loaded).__name__}; it must return {must}"])


@cache
def content_of(data: str) -> str:
    """A hash of all rows of a data set: of arrays, tensors or a frame, in order. Raises UsageError."""
    rows, digest = rows_of(data), hashlib.sha256()
    splits = (rows.train, rows.validation, rows.test) if isinstance(rows, Dataset) else (rows,)
    for values in (values for split in splits for values in (split.x, split.y)):
        if isinstance(values, torch.Tensor):
            values = values.cpu().numpy()
        elif not isinstance(values, np.ndarray):
            values = _hashed(values)
        digest.update(f"{values.dtype}{values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()[:16]


def _hashed(frame: Any) -> np.ndarray:
    import pandas as pd  # late, because only tables need it

    names = np.array([",".join(map(str, frame.columns))])
    return np.concatenate([pd.util.hash_array(names), pd.util.hash_pandas_object(frame, index=False).to_numpy()])


@lru_cache(KEPT)
def parts_of(data: str, split: str, seed: int | None) -> Parts:
    """The row numbers of the three splits. seed: None unless the split depends on the run's. Raises UsageError."""
    raw = rows_of(data)
    assert isinstance(raw, Raw)
    options = json.loads(split)
    splitter = registry.build(SPLITS, options)
    with registry.named_errors("split", options["name"]):
        return checked(raw, splitter(raw, seed))


@lru_cache(KEPT)
def dataset_of(data: str, split: str, preprocess: str, seed: int | None) -> Dataset:
    """The data set of a run. Raises UsageError."""
    loaded = rows_of(data)
    if isinstance(loaded, Dataset):
        for group, options in (("split", split), ("preprocessing", preprocess)):
            if (name := json.loads(options)["name"]) != "default":
                raise UsageError([f"{group}={name}: must be default, because the data set brings its own splits"])
        return replace(loaded, source=(dataset_of, (data, split, preprocess, seed)))
    splitter = registry.build(SPLITS, json.loads(split))
    found = prepared(loaded, parts_of(data, split, seed), splitter, json.loads(preprocess))
    return replace(found, source=(dataset_of, (data, split, preprocess, seed)))


def load(
    data: Mapping[str, Any],
    split: Mapping[str, Any] = DEFAULT,
    preprocess: Mapping[str, Any] = DEFAULT,
    seed: int = 0,
) -> Dataset:
    """The data set on the CPU in float32. seed: of the run. Raises UsageError."""
    return dataset_of(*arguments(data, split, preprocess, seed))


def arguments(
    data: Mapping[str, Any], split: Mapping[str, Any], preprocess: Mapping[str, Any], seed: int
) -> tuple[str, str, str, int | None]:
    """The arguments of `dataset_of` for a run with this seed: equal for runs that share their data set."""
    per_seed = registry.build(SPLITS, split).per_seed
    return json.dumps(data), json.dumps(split), json.dumps(preprocess), seed if per_seed else None


def whole(loaded: Any) -> Dataset:
    """The data set that a function of `DATASETS` makes, with its own split and preprocessing. Raises UsageError."""
    rows = as_rows(loaded)
    if isinstance(rows, Dataset):
        return rows
    splitter = SPLITS["default"]()
    return prepared(rows, checked(rows, splitter(rows, 0)), splitter, DEFAULT)


def prepared(raw: Raw, parts: Parts, splitter: Splitter, preprocess: Mapping[str, Any]) -> Dataset:
    """The data set of rows and their split, preprocessed by what is fitted on the training rows."""
    left = tuple(column for column in raw.columns if column.name not in splitter.columns)
    if raw.columns and not left:
        raise UsageError(["split: no column is left to learn from"])
    raw = replace(raw, columns=left)
    transform = preprocessing.fitted(raw, parts[0], preprocess)
    target = raw.target
    if isinstance(target, Quantity):
        y = raw.y[parts[0]]
        target = replace(target, mean=float(y.mean()), std=float(y.std()) or 1.0)

    def of(rows: Indices) -> Split:
        y = raw.y[rows]
        if isinstance(target, Quantity):
            y = ((y - target.mean) / target.std).astype(np.float32)
        x = raw.x.iloc[rows] if raw.columns else raw.x[rows]
        return Split(torch.from_numpy(transform(x)), torch.from_numpy(y))

    train, test = of(parts[0]), of(parts[2])
    features = train.x.shape[1]
    validation = of(parts[1]) if len(parts[1]) else Split(train.x[:0], train.y[:0])
    shape = raw.x.shape[1:] if not raw.columns and features == int(np.prod(raw.x.shape[1:])) else (features,)
    sizes = ", ".join(f"{len(rows):,} {name}" for name, rows in zip(NAMES, parts, strict=True))
    described = (*raw.described, f"  {count(features, 'input')}; rows: {sizes}") if raw.described else ()
    return Dataset(train, validation, test, target, shape, transform, described=described, warnings=raw.warnings)
