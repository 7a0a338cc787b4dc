"""Two tables for pandas: ``runs.csv`` has a row for each run, ``curves.csv`` a row for each epoch of each run."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hpsearch.formatting import spreadsheet_text
from hpsearch.record.file import read_plain, write_text
from hpsearch.trackers.options import RUNS_CSV, Csv
from hpsearch.trackers.run import TrackedRun
from hpsearch.trackers.tracker import shown

RUN = "run"  # the first column
Row = dict[str, Any]


class Table:
    """A CSV file with some rows for each run. It is written anew if a run brings columns, or comes again."""

    def __init__(self, path: Path) -> None:
        self._path, self._columns = path, [RUN]
        self._runs: set[str] = set()
        self._size = -1  # of the file, when it was read or written last
        self._torn = False  # True if its last line has no end

    def write(self, run: str, rows: Sequence[Row]) -> None:
        """Write the rows of a run in place of its earlier ones."""
        self._refresh()
        rows = [{RUN: run, **row} for row in rows]
        new = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in self._columns]
        if new or run in self._runs or self._torn or not self._size:
            kept = [row for row in self._rows() if row[RUN] != run]
            self._columns += new
            write_text(self._path, self._text([*kept, *rows], header=True))
        else:
            with self._path.open("a", encoding="utf-8", newline="") as file:
                file.write(self._text(rows, header=False))
        self._runs.add(run)
        self._torn = False
        self._size = self._path.stat().st_size

    def _refresh(self) -> None:
        """Read the file again if another command has changed it."""
        size = self._path.stat().st_size if self._path.exists() else 0
        if size != self._size:
            rows = [*self._rows()]
            self._runs, self._size = {row[RUN] for row in rows}, size
            self._columns = [*rows[0]] if rows else [RUN]
            self._torn = size > 0 and not read_plain(self._path).endswith(b"\n")

    def _rows(self) -> Iterator[Row]:
        """The rows of the file, but the last one of a process that was killed."""
        with suppress(FileNotFoundError):
            text = read_plain(self._path).decode("utf-8", "replace")
            whole = text[: text.rfind("\n") + 1]
            yield from (row for row in csv.DictReader(io.StringIO(whole, newline="")) if row.get(RUN))

    def _text(self, rows: Sequence[Row], header: bool) -> str:
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, self._columns, lineterminator="\n", extrasaction="ignore")
        if header:
            writer.writeheader()
        texts = ({key: spreadsheet_text(v) if isinstance(v, str) else v for key, v in row.items()} for row in rows)
        writer.writerows(texts)
        return out.getvalue()


class CsvTracker:
    """Nothing is left to be done in the end."""

    def __init__(self, folder: Path) -> None:
        self._runs, self._curves = Table(folder / RUNS_CSV), Table(folder / "curves.csv")
        self.where = shown(folder)

    def write(self, run: TrackedRun, configuration: int) -> None:
        tags = {"sweep": run.sweep, "configuration": configuration, "seed": run.seed, "status": run.status}
        times = {"started": round(run.started, 3), "ended": round(run.ended, 3)}
        config = {key: value for key, value in run.config.items() if key != "seed"}
        self._curves.write(run.name, [{"epoch": epoch, **values} for epoch, _, values in run.points()])
        self._runs.write(run.name, [{**tags, **config, **run.metrics, **times, **run.facts}])

    def close(self) -> None:
        pass


def open_tracker(sweep: Path, sweep_id: str, options: Csv) -> CsvTracker:
    """Make the folder."""
    folder = options.folder_of(sweep)
    folder.mkdir(parents=True, exist_ok=True)
    return CsvTracker(folder)
