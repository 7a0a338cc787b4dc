"""A table as a data set: ``data=table data.path=… data.target=…``, a CSV or Parquet file read by pandas.

Long, because every mistake that a table can hold is named here.
"""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.components.data.labels import target_of
from hpsearch.components.data.raw import MISSING, Column, Raw
from hpsearch.components.target import Classes, Target
from hpsearch.errors import UsageError, require
from hpsearch.formatting import count

MOST_CATEGORIES = 1000
SHOWN = 20  # names in a line of the plan
COPY = 1 - 1e-9  # correlation of a column that is the target in another unit


def table(
    path: str | None,
    target: str | None = None,
    task: str = "auto",
    features: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    separator: str = ",",
    missing: Sequence[str] = (),
    drop_missing_target: bool = False,
) -> Raw:
    """The rows of a CSV file, which may be compressed, or of a Parquet file. target: by default the last column.

    features: the columns to read; None for all. drop: columns to leave out. categorical: numeric columns that stand for
    categories. missing: texts of a CSV file that stand for a missing value, beside NA and the like. Raises UsageError.
    """
    require(path is not None, "path", path, "a CSV or Parquet file")
    file = Path(str(path))
    require(file.is_file(), "path", path, "a file that exists")
    frame = read(file, separator, missing)
    return raw_of_frame(frame, target, task, features, drop, categorical, drop_missing_target, file.name)


def raw_of_frame(
    frame: Any,
    target: str | None = None,
    task: str = "auto",
    features: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    drop_missing_target: bool = False,
    name: str = "the frame",
) -> Raw:
    """The rows of a pandas frame. Options as of `table`. Raises UsageError."""
    frame = frame.reset_index(drop=True).rename(columns=str)
    twice = sorted(set(frame.columns[frame.columns.duplicated()]))
    if twice:
        raise UsageError([f"data.path={name}: has two columns of the name {', '.join(twice)}"])
    if len(frame.columns) < 2:
        only = ", ".join(frame.columns) or "none"
        raise UsageError([f"data.path={name}: must have two columns or more, not {only}{_separator_of(only)}"])
    goal = frame.columns[-1] if target is None else target
    for key, names in {"target": [goal], "features": features or [], "drop": drop, "categorical": categorical}.items():
        _require_columns(frame, key, names)
    require(goal not in [*(features or []), *drop], "target", goal, "no column of data.features or data.drop")
    absent = frame[goal].isna()
    if absent.any():
        if not drop_missing_target:
            cure = "data.drop_missing_target=true leaves them out"
            raise UsageError([f"data.target={goal}: missing in {absent.sum()} of {count(len(frame), 'row')}; {cure}"])
        frame = frame[~absent].reset_index(drop=True)
        frame[goal] = frame[goal].convert_dtypes()  # whole numbers beside missing ones were read as fractions
    y, kind = target_of(_plain(frame[goal]), task, goal)
    listed = frame.columns if features is None else features
    wanted = [each for each in listed if each != goal and each not in drop]
    if not wanted:
        raise UsageError(["data: data.features and data.drop leave no column to learn from"])
    columns = tuple(_column(frame[each], each, each in categorical) for each in wanted)
    shown = f"{goal}{' (the last column)' if target is None else ''}"
    return Raw(
        readable(frame, columns),
        y,
        kind,
        columns,
        frame,
        described=tuple(_described(frame, y, kind, columns, name, shown)),
        warnings=tuple(_suspicious(frame, y, kind, columns, goal)),
    )


def readable(frame: Any, columns: Sequence[Column]) -> Any:
    """The columns of a frame as a transformer reads them: float64, or texts without missing ones. Raises UsageError."""
    import pandas as pd

    absent = [column.name for column in columns if column.name not in frame]
    if absent:
        raise UsageError(
            [f"rows: have no column {_listed(absent)}; they have {_listed(list(map(str, frame.columns)))}"]
        )
    found = {}
    for column in columns:
        values = frame[column.name]
        if column.categories:
            found[column.name] = _texts(values)
        else:
            try:
                found[column.name] = pd.to_numeric(values).to_numpy(np.float64, na_value=np.nan)
            except (ValueError, TypeError) as error:
                raise UsageError([f"{column.name}: holds a value that is no number ({error})"]) from error
    return pd.DataFrame(found, index=frame.index)


def read(file: Path, separator: str, missing: Sequence[str], key: str = "data.path=") -> Any:
    """The frame in a CSV or Parquet file. key: stands before the file's name in a fault. Raises UsageError."""
    import pandas as pd

    separator = "\t" if separator == r"\t" else separator  # as it is typed in a shell
    one = isinstance(separator, str) and len(separator) == 1
    require(one, "separator", separator, r"one character, or \t for a tab")
    try:
        if file.suffix in (".parquet", ".pq"):
            return pd.read_parquet(file)
        names = pd.read_csv(file, sep=separator, header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0]
        frame = pd.read_csv(file, sep=separator, na_values=list(missing))
    except ImportError as error:
        raise UsageError([f'{key}{file}: a Parquet file needs pyarrow: pip install -e ".[parquet]"']) from error
    except pd.errors.EmptyDataError as error:
        raise UsageError([f"{key}{file}: is empty"]) from error
    except (OSError, ValueError, EOFError) as error:  # of pandas, the decoder, or the decompression
        reason = str(error).splitlines()[0].strip()
        raise UsageError([f"{key}{file}: cannot be read as a table ({reason})"]) from error
    if len(names) == len(frame.columns):  # pandas renames a column whose name is taken
        frame.columns = [new if old == "" else old for old, new in zip(names, frame.columns, strict=True)]
    return frame


def _separator_of(header: str) -> str:
    """The cure for a table that was read as one column, if the column's name shows it."""
    found = next((character for character in ";\t|" if character in header), None)
    typed = r"\t" if found == "\t" else found
    return "" if found is None else f"""; give 'data.separator="{typed}"', with both kinds of quotes"""


def _require_columns(frame: Any, key: str, names: Sequence[str]) -> None:
    if isinstance(names, str):
        raise UsageError([f"data.{key}={names}: must be a list, as data.{key}=[{names}]"])
    for name in names:
        near = get_close_matches(str(name), frame.columns, n=1)
        cure = f"did you mean {near[0]}?" if near else f"there are {_listed(frame.columns)}"
        require(name in frame.columns, key, name, f"a column of the table; {cure}")


def _column(values: Any, name: str, categorical: bool) -> Column:
    from pandas.api import types

    missing = bool(values.isna().any())
    if types.is_numeric_dtype(values) and not categorical:
        if np.isinf(values.to_numpy(np.float64, na_value=np.nan)).any():
            raise UsageError([f"data: the column {name} has infinite values; leave it out with data.drop=[{name}]"])
        return Column(name, missing=missing)
    if not categorical:
        _require_no_numbers(values, name)
    texts = sorted(set(_texts(values)) - {MISSING})
    if len(texts) > MOST_CATEGORIES:
        cure = f"each would be an input; leave it out with data.drop=[{name}]"
        raise UsageError([f"data: the column {name} has {len(texts):,} different texts, and {cure}"])
    return Column(name, (*texts, *([MISSING] if missing else [])), missing)


def _require_no_numbers(values: Any, name: str) -> None:
    """Raise UsageError for a column of numbers that holds texts such as "?"."""
    import pandas as pd

    given = values[~values.isna()].astype(object)
    words = given[pd.to_numeric(given, errors="coerce").isna()]
    if 0 < len(words) < len(given) / 2:
        word = words.iloc[0]
        cures = f"data.missing=['{word}'] takes it for a missing value, data.categorical=[{name}] for a category"
        raise UsageError([f"data: the column {name} holds numbers and texts, such as {word}; {cures}"])


def _texts(values: Any) -> Any:
    """A column as texts; a whole number has no decimals, because its type depends on the other rows."""
    missing = values.isna()
    plain = [str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in _plain(values[~missing])]
    texts = np.full(len(values), MISSING, dtype=object)
    texts[~missing.to_numpy()] = plain
    return texts


def _plain(values: Any) -> Any:
    """A column without missing values as an array: numbers, or objects."""
    from pandas.api import types

    if types.is_bool_dtype(values) or not types.is_numeric_dtype(values):
        return values.astype(object).to_numpy()
    return values.to_numpy(np.float64 if types.is_float_dtype(values) else np.int64)


def _described(frame: Any, y: Any, kind: Target, columns: Sequence[Column], name: str, goal: str) -> Iterator[str]:
    if isinstance(kind, Classes):
        sizes = np.bincount(y)
        listed = [f"{label} {size}" for label, size in zip(kind.names, sizes, strict=True)]
        what = f"classification, {len(kind.names)} classes ({_listed(listed)})"
    else:
        what = f"regression, from {y.min():g} to {y.max():g}"
    yield f"{name}: {count(len(frame), 'row')}; target {goal}: {what}"
    for title, those in (
        ("numeric", [c for c in columns if not c.categories]),
        ("categorical", [c for c in columns if c.categories]),
    ):
        if those:
            yield f"  {title}: {_listed([_shown(column, frame) for column in those])}"


def _shown(column: Column, frame: Any) -> str:
    values = len(column.categories) - column.missing
    facts = [f"{values} values"] if column.categories else []
    facts += [f"{frame[column.name].isna().sum()} missing"] if column.missing else []
    return f"{column.name} ({', '.join(facts)})" if facts else column.name


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _suspicious(frame: Any, y: Any, kind: Target, columns: Sequence[Column], goal: str) -> Iterator[str]:
    for column in columns:
        found = _suspicion(frame[column.name], y, kind, goal)
        if found:
            yield f"data: the column {column.name} {found}; data.drop=[{column.name}] leaves it out"


def _suspicion(values: Any, y: Any, kind: Target, goal: str) -> str | None:
    """The reason why a column should hardly be learned from, if there is one."""
    from pandas.api import types

    different = values.nunique(dropna=False)
    whole = types.is_integer_dtype(values)
    text = not types.is_numeric_dtype(values)
    if different <= 1:
        return "has the same value in all rows"
    if different == len(values) and (text or (whole and bool((np.diff(values) > 0).all()))):
        return "is different in every row, as an identifier"
    if isinstance(kind, Classes):
        per_value = 5 * different <= len(values)  # by chance, a value of few rows has one class
        named = values.astype(object).where(values.notna(), MISSING)
        if per_value and named.groupby(y).unique().map(len).sum() == different:
            return f"gives the target {goal} away: each value has one class only"
    elif not text and not values.isna().any() and abs(np.corrcoef(values.astype(float), y)[0, 1]) > COPY:
        return f"gives the target {goal} away: it is the same number, or that in another unit"
    return None
