"""``python -m hpsearch.predict multirun/<sweep> new.csv``: the winner's predictions of the rows of a table."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch import shell
from hpsearch.arguments import Parser
from hpsearch.errors import UsageError, require, write_errors
from hpsearch.formatting import count, spreadsheet_text
from hpsearch.record.file import write_whole

if TYPE_CHECKING:
    from hpsearch.task.net import Predictor

PARQUET = (".parquet", ".pq")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m hpsearch.predict", description="Predict the rows of a table, or of an .npz file.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a sweep's folder, multirun/<name>, or a run's")
    parser.add_argument("rows", type=Path, metavar="FILE", help="CSV, Parquet, or .npz with an array x")
    output = "CSV or Parquet file (<FILE>-predictions.csv; of a Parquet file .parquet)"
    parser.add_argument("--output", type=Path, metavar="FILE", help=output)
    parser.add_argument("--seed", type=int, help="of the winner's runs (the best on validation)")
    parser.add_argument("--ensemble", action="store_true", help="the mean of all seeds of the winner")
    parser.add_argument("--data", metavar="NAME", help="the data set, if the sweep has several")
    parser.add_argument("--separator", metavar="CHARACTER", help="of a CSV file (as in training)")
    parser.add_argument("--plugins", default="", metavar="MODULES", help="modules of your own, with commas")
    return parser


def main() -> None:
    """Write predictions. Exit code 1: they cannot be written. Exit code 2: wrong usage."""
    with shell.door():
        options = _parser().parse_args()
        output = options.output or _beside(options.rows)
        require(options.rows.is_file(), "rows", options.rows, "a file that exists")
        other = output.absolute() != options.rows.absolute()
        require(other, "--output", output, "another file than that of the rows")
        from hpsearch.cli import winner  # late, because torch and pandas take seconds
        from hpsearch.task import plugins

        plugins.load(filter(None, options.plugins.split(",")), Path.cwd())
        net = winner.load(options.folder, seed=options.seed, ensemble=options.ensemble, data=options.data)
        rows = _read(options.rows, options.separator, net.record["config"]["data"])
        for line in _remarks(net, rows):
            print(f"note: {line}", file=sys.stderr)
        predicted = _predicted(net, rows)
        with write_errors(output.parent):
            _write(predicted, output)
        print(f"{count(len(predicted), 'prediction')}: {output}")


def _beside(file: Path) -> Path:
    suffix = ".parquet" if file.suffix in PARQUET else ".csv"
    return file.with_name(f"{file.name.partition('.')[0]}-predictions{suffix}")


def _read(file: Path, separator: str | None, trained_on: dict[str, Any]) -> Any:
    """The frame, or the array x of an .npz file. trained_on: the options of the data set. Raises UsageError."""
    from hpsearch.components.data.arrays import arrays_of
    from hpsearch.components.data.table import read

    if file.suffix != ".npz":
        rows = read(file, separator or trained_on.get("separator", ","), trained_on.get("missing", []), "")
    else:
        found = arrays_of(file, ("x",))
        if not found:
            raise UsageError([f"{file}: must have an array x"])
        rows = found["x"]
    if not len(rows):
        raise UsageError([f"{file}: has no rows"])
    return rows


def _remarks(net: "Predictor", rows: Any) -> list[str]:
    """A line for columns that are not read, and for each with a category that no training row had."""
    from hpsearch.components.data.table import readable

    transform = net.inputs.transform
    if transform is None or not transform.columns or not hasattr(rows, "columns"):
        return []
    names = {column.name for column in transform.columns}
    extra = [str(name) for name in rows.columns if str(name) not in names]
    lines = [f"columns that are not read: {', '.join(extra[:10])}{' …' if len(extra) > 10 else ''}"] if extra else []
    texts = readable(rows, transform.columns)
    for column in transform.columns:
        values = texts[column.name]
        unknown = values[~values.isin(column.categories)]
        if column.categories and len(unknown):
            of = f"{unknown.iloc[0]} and others" if unknown.nunique() > 1 else unknown.iloc[0]
            lines.append(f"{column.name}: {of} in {count(len(unknown), 'row')} is no category of the training rows")
    return lines


def _predicted(net: "Predictor", rows: Any) -> Any:
    """The predictions as a frame: a class and the probabilities, or a value."""
    import pandas as pd

    from hpsearch.components.target import Quantity

    if isinstance(net.target, Quantity):
        return pd.DataFrame({net.target.name: net.predict(rows)})
    probabilities = pd.DataFrame(net.predict_proba(rows), columns=[f"p({name})" for name in net.classes])
    return pd.concat([pd.Series(net.predict(rows), name="prediction").astype(object), probabilities], axis=1)


def _as_csv(frame: Any) -> str:
    """The frame with a ' before class names that a spreadsheet takes for a formula; numbers such as -1 are none."""
    texts = frame.select_dtypes(exclude="number")
    marked = texts.map(spreadsheet_text)
    if (marked != texts).any(axis=None):
        print("note: a ' stands before class names that a spreadsheet would take for a formula", file=sys.stderr)
    return str(frame.assign(**marked).rename(columns=spreadsheet_text).to_csv(index=False))


def _write(frame: Any, output: Path) -> None:
    try:
        parquet = output.suffix in PARQUET
        content = frame.to_parquet(index=False) if parquet else _as_csv(frame).encode()
    except ImportError as error:
        raise UsageError([f"--output={output}: a Parquet file needs pyarrow; name a .csv file"]) from error
    write_whole(output, content)


if __name__ == "__main__":
    main()
