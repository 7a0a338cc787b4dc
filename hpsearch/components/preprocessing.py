"""Preprocessing: from rows to the numbers that nets read (``preprocessing=``), fitted on the training rows alone.

A function of its options returns a scikit-learn transformer for the numeric columns. To add one, write it and name it
in `PREPROCESSINGS`. Missing numbers become the median, with an input that says where; texts become one input for each
category.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpsearch.components import registry
from hpsearch.components.data.raw import Column, Indices, Raw
from hpsearch.components.data.table import readable
from hpsearch.errors import require


@dataclass(frozen=True)
class Pixels:
    """All values of all samples share one mean and standard deviation, because they measure the same."""

    mean: float
    std: float

    def transform(self, x: Any) -> Any:
        """x, standardized."""
        return (x - np.float64(self.mean)) / np.float64(self.std)


@dataclass(frozen=True, eq=False)
class Transform:
    """Rows as they were loaded, a frame or an array [n, *shape], become x [n, features] in float32.

    fitted: `Pixels`, or scikit-learn's ColumnTransformer. columns: those that it reads from a frame; empty for arrays.
    """

    fitted: Any
    columns: tuple[Column, ...] = ()

    def __call__(self, rows: Any) -> np.ndarray:
        """x of the rows. Raises UsageError for a frame without these columns."""
        found = readable(rows, self.columns) if self.columns else np.asarray(rows).reshape(len(rows), -1)
        x: np.ndarray = np.asarray(self.fitted.transform(found)).astype(np.float32)
        return x


def own() -> Any:
    """The data's own: `standard` for a table, one mean and standard deviation for images."""
    return None


def standard() -> Any:
    """Each column less its mean, divided by its standard deviation."""
    from sklearn.preprocessing import StandardScaler  # here and below, because scikit-learn takes two seconds

    return StandardScaler()


def robust() -> Any:
    """Each column less its median, divided by the distance of its quartiles."""
    from sklearn.preprocessing import RobustScaler

    return RobustScaler()


def quantile(output: str = "normal", quantiles: int = 1000) -> Any:
    """Each column by its rank, spread as a normal or a uniform distribution."""
    from sklearn.preprocessing import QuantileTransformer

    require(output in ("normal", "uniform"), "output", output, "normal or uniform")
    require(quantiles >= 2, "quantiles", quantiles, "at least 2")
    return QuantileTransformer(n_quantiles=int(quantiles), output_distribution=output, subsample=None)


def none() -> Any:
    """Numbers as they are."""
    return "passthrough"


_own: dict[str, Callable[..., Any]] = {
    "default": own,
    "standard": standard,
    "quantile": quantile,
    "robust": robust,
    "none": none,
}
PREPROCESSINGS = registry.table("preprocessing", _own, function=True)


def fitted(raw: Raw, train: Indices, options: Mapping[str, Any]) -> Transform:
    """The preprocessing of ``preprocessing=``, fitted on the training rows. Raises OutOfRange."""
    scaler = registry.build(PREPROCESSINGS, options)
    transformer = scaler in (None, "passthrough") or (hasattr(scaler, "fit") and hasattr(scaler, "transform"))
    kind, must = type(scaler).__name__, "a function that returns a transformer, with fit and transform"
    require(transformer, "name", options["name"], f"{must}, not {kind}")
    if scaler is None and raw.x.ndim > 2:
        pixels = raw.x[train].reshape(len(train), -1)
        mean, std = pixels.mean(dtype=np.float64), pixels.std(dtype=np.float64)
        return Transform(Pixels(float(mean), float(std) or 1.0))
    x: Any = raw.x
    columns = raw.columns
    if columns:
        x = raw.x[[column.name for column in columns]]
    else:
        x, columns = _of_array(raw.x)
    chosen = x.iloc[train] if raw.columns else x[train]
    transformer = _transformer(standard() if scaler is None else scaler, columns, numbered=not raw.columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of fewer rows than quantiles
        transformer.fit(chosen)
    return Transform(transformer, raw.columns)


def _of_array(x: np.ndarray) -> tuple[np.ndarray, tuple[Column, ...]]:
    flat = x.reshape(len(x), -1)
    missing = np.isnan(flat).any(0)
    return flat, tuple(Column(str(number), missing=bool(some)) for number, some in enumerate(missing))


def _transformer(scaler: Any, columns: Sequence[Column], numbered: bool) -> Any:
    """The columns that have missing values or categories in any row decide, so that every split has the same inputs."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import MissingIndicator, SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    names: list[Any] = [number if numbered else column.name for number, column in enumerate(columns)]
    numeric = [name for name, column in zip(names, columns, strict=True) if not column.categories]
    absent = [name for name, column in zip(names, columns, strict=True) if column.missing and not column.categories]
    categorical = [name for name, column in zip(names, columns, strict=True) if column.categories]
    values = [np.array(column.categories, dtype=object) for column in columns if column.categories]
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    encoder = OneHotEncoder(categories=values, handle_unknown="ignore", sparse_output=False)
    parts = [
        ("numeric", make_pipeline(imputer, scaler), numeric),
        ("missing", MissingIndicator(features="all"), absent),
        ("categories", encoder, categorical),
    ]
    return ColumnTransformer([part for part in parts if part[2]], sparse_threshold=0)
