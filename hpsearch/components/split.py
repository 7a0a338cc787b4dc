"""Splits: which rows train, which select and which test (``split=``).

A split is called with (raw, seed) and gives the row numbers of the training, validation and test split. A data set with
official test rows keeps them. To add one, write a class and name it in `SPLITS`.

Long, because every way to split stands here, for comparison.
"""

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil, inf
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hpsearch.components import registry
from hpsearch.components.data.arrays import arrays_of
from hpsearch.components.data.raw import Indices, Parts, Raw
from hpsearch.components.data.stratified import stratified
from hpsearch.components.target import Classes
from hpsearch.errors import UsageError, require
from hpsearch.formatting import count

NAMES = ("train", "validation", "test")
LAST_OF_UCI = 9999  # split; 20 are published
GROUP_FOLDS = 20  # into which rows are dealt by whole groups; a draw takes some of them


class Splitter(Protocol):
    """per_seed: True if the run's seed decides the split. columns: those that only the split reads."""

    @property
    def per_seed(self) -> bool: ...
    @property
    def columns(self) -> tuple[str, ...]: ...
    def __call__(self, raw: Raw, seed: int) -> Parts: ...


class _Grouped:
    """A split that keeps the rows of a group together. group: the column that names it; None: each row by itself."""

    group: str | None

    @property
    def columns(self) -> tuple[str, ...]:
        return _some(self.group)


@dataclass(frozen=True)
class Holdout(_Grouped):
    """Test rows are drawn, then validation rows from the rest: sizes, or fractions below 1. The same for every run."""

    validation: float = 0.2
    test: float = 0.2
    seed: int = 0
    group: str | None = None
    per_seed = False

    def __post_init__(self) -> None:
        for key in ("validation", "test"):
            _require_size(key, getattr(self, key))
        _require_seed(self.seed)

    def __call__(self, raw: Raw, seed: int) -> Parts:
        rest, test = _test_rows(raw, self.test, self.seed, self.group)
        train, validation = _draw(raw, rest, "validation", self.validation, self.seed, self.group)
        return train, validation, test


@dataclass(frozen=True)
class Default:
    """The data set's own split; for one that has none, that of `Holdout`."""

    per_seed = False
    columns: tuple[str, ...] = ()

    def __call__(self, raw: Raw, seed: int) -> Parts:
        return Holdout()(raw, seed) if raw.parts is None else raw.parts


@dataclass(frozen=True)
class Seeded(_Grouped):
    """As `Holdout`, drawn by each run's own seed, so that the spread over seeds includes the data's."""

    validation: float = 0.2
    test: float = 0.2
    group: str | None = None
    per_seed = True

    def __post_init__(self) -> None:
        Holdout(self.validation, self.test)

    def __call__(self, raw: Raw, seed: int) -> Parts:
        _require_run_seed(seed)
        return Holdout(self.validation, self.test, seed, self.group)(raw, seed)


@dataclass(frozen=True)
class KFold(_Grouped):
    """Cross-validation: the run's seed s selects on fold s mod `folds`; every `folds` seeds deal the rows anew.

    The test rows are drawn first and are the same for every run.
    """

    folds: int = 5
    test: float = 0.2
    seed: int = 0
    group: str | None = None
    per_seed = True

    def __post_init__(self) -> None:
        require(self.folds >= 2, "folds", self.folds, "at least 2")
        _require_size("test", self.test)
        _require_seed(self.seed)

    def __call__(self, raw: Raw, seed: int) -> Parts:
        _require_run_seed(seed)
        rest, test = _test_rows(raw, self.test, self.seed, self.group)
        require(self.folds <= len(rest), "folds", self.folds, f"at most the {len(rest)} rows")
        repetition, fold = divmod(seed, int(self.folds))
        train, validation = _dealt(raw, rest, int(self.folds), self.seed + repetition, self.group)[fold]
        return rest[train], rest[validation], test


@dataclass(frozen=True)
class Given:
    """The user says which row is in which split: a column of the table, or files of row numbers.

    column: holds train, validation or test. files: an .npz with an array for each split, or for each a file of row
    numbers that begin at 0; ``{seed}`` in a name stands for the run's seed.
    validation: if none are given, so many of the training rows, drawn by `seed`; 0 for none.
    """

    column: str | None = None
    files: Any = None
    validation: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.column is None) == (self.files is None):
            raise UsageError(["split=given: needs split.column=… or split.files=…, one of them"])
        _require_size("validation", self.validation, none=True)
        _require_seed(self.seed)
        mapping = isinstance(self.files, dict) and {"train", "test"} <= self.files.keys() <= {*NAMES}
        fits = self.files is None or isinstance(self.files, str) or mapping
        require(fits, "files", self.files, "an .npz file, or {train: …, test: …} with or without validation")

    @property
    def per_seed(self) -> bool:
        return "{seed}" in str(self.files)

    @property
    def columns(self) -> tuple[str, ...]:
        return _some(self.column)

    def __call__(self, raw: Raw, seed: int) -> Parts:
        found = self._by_column(raw) if self.column is not None else self._by_files(raw, seed)
        train, validation, test = (found.get(name, np.arange(0)) for name in NAMES)
        if not len(validation) and self.validation:
            train, validation = _draw(raw, train, "validation", self.validation, self.seed, None)
        return train, validation, test

    def _by_column(self, raw: Raw) -> dict[str, Indices]:
        names = _values(raw, "column", str(self.column)).astype(str)
        other = sorted(set(names) - {*NAMES})
        require(not other, "column", self.column, f"a column of {', '.join(NAMES)}; it has {', '.join(other[:5])}")
        return {name: np.flatnonzero(names == name) for name in NAMES}

    def _by_files(self, raw: Raw, seed: int) -> dict[str, Indices]:
        if isinstance(self.files, dict):
            found = {name: _row_numbers(path.replace("{seed}", str(seed))) for name, path in self.files.items()}
        else:
            path = self.files.replace("{seed}", str(seed))
            found = arrays_of(Path(path), NAMES, "split.files=")
            has = ", ".join(found) or "none of them"
            must = f"a file with the arrays train and test, with or without validation; it has {has}"
            require({"train", "test"} <= found.keys(), "files", path, must)
        for name, rows in found.items():
            whole = rows.ndim == 1 and rows.dtype.kind in "iu" and len(np.unique(rows)) == len(rows)
            inside = whole and (not len(rows) or (rows.min() >= 0 and rows.max() < len(raw)))
            if not inside:
                raise UsageError([f"split.files: {name} must be different row numbers from 0 to {len(raw) - 1}"])
        return {name: rows.astype(np.int64) for name, rows in found.items()}


@dataclass(frozen=True)
class Uci:
    """The published splits of the UCI regression sets: the run's seed s takes split s, with 90 % of the rows to train.

    validation: so much of the training rows, the last ones; 0: none, all of them train.
    """

    validation: float = 0.2
    per_seed = True
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(0 <= self.validation < 1, "validation", self.validation, "a fraction, at least 0 and below 1")

    def __call__(self, raw: Raw, seed: int) -> Parts:
        _require_run_seed(seed)
        if seed > LAST_OF_UCI:
            raise UsageError(
                [f"seed={seed}: must be at most {LAST_OF_UCI}, because split=uci draws one split after the other"]
            )
        n = len(raw)
        rng = np.random.RandomState(1)  # which the rule says
        for _ in range(seed + 1):
            order = rng.choice(n, n, replace=False)
        rest = order[: round(0.9 * n)]
        first = int((1 - self.validation) * len(rest))
        return rest[:first], rest[first:], order[round(0.9 * n) :]


_own: dict[str, Any] = {
    "default": Default,
    "holdout": Holdout,
    "kfold": KFold,
    "seeded": Seeded,
    "given": Given,
    "uci": Uci,
}
SPLITS = registry.table("split", _own)


def folds_of(options: Mapping[str, Any]) -> int | None:
    """The number of folds that seeds count through; None for another split than ``kfold``."""
    if options["name"] != "kfold":
        return None
    folds = options.get("folds")
    whole = isinstance(folds, int) and not isinstance(folds, bool) and 2 <= folds < 2**31
    require(whole, "split.folds", folds, "a whole number, at least 2")
    return int(options["folds"])


def require_all_folds(options: Mapping[str, Any], seeds: Collection[int]) -> None:
    """Raise UsageError unless the seeds of a configuration cover whole repetitions of the folds."""
    folds = folds_of(options)
    if folds is None:
        return
    repetitions = {seed // folds for seed in seeds}
    if len(repetitions) * folds != len(set(seeds)):
        first, last = min(repetitions) * folds, (max(repetitions) + 1) * folds
        cure = f"range({first},{last})" if first else f"range({last})"
        shown = ",".join(map(str, sorted(seeds)))
        raise UsageError([f"seed={shown}: must cover all {folds} folds of split=kfold, one a seed, as seed={cure}"])


def checked(raw: Raw, parts: Parts) -> Parts:
    """The parts, if nets can be trained and tested on them. Raises UsageError."""
    arrays = isinstance(parts, tuple) and len(parts) == len(NAMES)
    whole = arrays and all(isinstance(rows, np.ndarray) and rows.dtype.kind in "iu" for rows in parts)
    inside = whole and all(((rows >= 0) & (rows < len(raw))).all() for rows in parts)
    if not inside:
        raise UsageError([f"split: must give three arrays of row numbers from 0 to {len(raw) - 1}: {', '.join(NAMES)}"])
    train, _, test = parts
    faults = [f"split: no row is left to {verb}" for verb, rows in (("train", train), ("test", test)) if not len(rows)]
    rows = np.concatenate(parts)
    if len(np.unique(rows)) < len(rows):
        faults.append("split: a row is in two splits")
    if isinstance(raw.target, Classes) and not faults:
        untrained = np.setdiff1d(np.arange(len(raw.target.names)), raw.y[train])
        faults += [f"split: no row of class {raw.target.names[number]} is left to train" for number in untrained[:1]]
    if faults:
        raise UsageError(faults)
    return parts


def _some(column: str | None) -> tuple[str, ...]:
    return () if column is None else (column,)


def _require_size(key: str, value: float, none: bool = False) -> None:
    fits = 0 < value < 1 or (1 <= value < inf and value == int(value)) or (none and value == 0)
    require(fits, key, value, f"a number of rows, or a fraction below 1{', or 0 for none' if none else ''}")


def _require_seed(seed: int) -> None:
    require(seed >= 0, "seed", seed, "a whole number, at least 0")
    require(seed < 2**31, "seed", seed, "below 2**31")


def _require_run_seed(seed: int) -> None:
    if not 0 <= seed < 2**31:
        must = "at least 0" if seed < 0 else "below 2**31"
        raise UsageError([f"seed={seed}: must be {must}, because it draws the split"])


def _test_rows(raw: Raw, size: float, seed: int, group: str | None) -> tuple[Indices, Indices]:
    """The official test rows if there are any, else drawn ones: (rest, test)."""
    if raw.test_rows:
        return raw.free, np.arange(len(raw.free), len(raw))
    return _draw(raw, raw.free, "test", size, seed, group)


def _draw(raw: Raw, rows: Indices, key: str, size: float, seed: int, group: str | None) -> tuple[Indices, Indices]:
    """Draw from `rows`, as scikit-learn's `train_test_split`: the rest, and `size` of them or that fraction.

    Each class has the same share in both. With a column `group`, whole groups are drawn.
    """
    n = len(rows)
    if n < 2:
        raise UsageError([f"split: {count(n, 'row')} left, of which no {key} rows can be drawn"])
    wanted = ceil(size * n) if size < 1 else int(size)
    require(1 <= wanted < n, key, size, f"between 1 and {n - 1} rows, or a fraction of {n}")
    if group is not None:
        folds = _folds_of_groups(raw, rows, GROUP_FOLDS, seed, group)
        some = min(max(round(wanted / n * len(folds)), 1), len(folds) - 1)
        drawn = np.concatenate([held_out for _, held_out in folds[:some]])
        rest = np.concatenate([held_out for _, held_out in folds[some:]])
    elif isinstance(raw.target, Classes):
        rest, drawn = stratified(raw.y[rows], wanted, seed)
    else:
        order = np.random.RandomState(seed).permutation(n)
        rest, drawn = order[wanted:], order[:wanted]
    return rows[rest], rows[drawn]


def _dealt(raw: Raw, rows: Indices, folds: int, seed: int, group: str | None) -> list[tuple[Indices, Indices]]:
    """The (rest, fold) of each fold, as places in `rows`."""
    from sklearn import model_selection  # here, because it takes two seconds

    if group is not None:
        dealt = _folds_of_groups(raw, rows, folds, seed, group)
        require(len(dealt) == folds, "folds", folds, f"at most the {len(dealt)} groups of {group}")
        return dealt
    stratify = isinstance(raw.target, Classes)
    splitter = model_selection.StratifiedKFold if stratify else model_selection.KFold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes with fewer rows than folds
        return list(splitter(folds, shuffle=True, random_state=seed).split(rows, raw.y[rows]))


def _folds_of_groups(raw: Raw, rows: Indices, most: int, seed: int, group: str) -> list[tuple[Indices, Indices]]:
    """At most `most` folds of whole groups, with classes shared out as evenly as groups allow."""
    from sklearn.model_selection import StratifiedGroupKFold

    groups = np.unique(_values(raw, "group", group).astype(str), return_inverse=True)[1].reshape(-1)[rows]
    strata = raw.y[rows] if isinstance(raw.target, Classes) else np.zeros(len(rows), np.int64)
    there, largest = len(np.unique(groups)), int(np.bincount(strata).max())
    require(there >= 2, "group", group, "a column with at least 2 groups in the rows that are split")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes with fewer rows than folds
        splitter = StratifiedGroupKFold(min(most, there, largest), shuffle=True, random_state=seed)
        return [(rest, fold) for rest, fold in splitter.split(rows, strata, groups) if len(fold)]


def _values(raw: Raw, key: str, column: str) -> Any:
    """A column of the table, without missing values."""
    there = raw.table is not None and column in raw.table
    has = "the data set has no table" if raw.table is None else "there is none of this name"
    require(there, key, column, f"a column of a table; {has}")
    values = raw.table[column]
    require(not values.isna().any(), key, column, f"a column without missing values; it has {values.isna().sum()}")
    return values.to_numpy(object)


def _row_numbers(path: str) -> Indices:
    """The numbers in a file: text, or .npy."""
    try:
        rows = np.load(path, allow_pickle=False) if Path(path).suffix == ".npy" else np.loadtxt(path, ndmin=1)
        whole = np.asarray(rows).astype(np.int64)
    except (OSError, ValueError) as error:
        raise UsageError([f"split.files={path}: cannot be read as row numbers ({error})"]) from error
    return whole if np.array_equal(whole, rows) else np.array([-1])  # which is no row
