"""Damaged files: every value of a record replaced, every file of a sweep cut off. All readers must end in order."""

import copy
import io
import json
import random
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from hpsearch.cli import winner
from hpsearch.cli.sweep_status import SweepStatus
from hpsearch.errors import FaultError
from hpsearch.record.file import FILE, key_of, read_record
from hpsearch.record.folders import run_folders
from hpsearch.record.frame import Runs, gather, run_table, write_runs
from hpsearch.record.shape import STATUSES, Record
from hpsearch.report import analysis, progress_text, summary_json
from hpsearch.task.candidates import Candidates
from hpsearch.task.outcome import result_of

HTML = "<script>alert(1)</script>"
VALUES: list[Any] = [
    None,
    "text",
    ["a"],
    10**400,
    "1e400",  # without its quotes
    "NaN",  # without its quotes
    {"a": {"b": [{}]}},
    HTML,
    -1,
    -0.5,
    True,
    0,
    1e300,
    "\x1b[31m\n=1+1",
    "\ud800",
]
UNQUOTED = ("1e400", "NaN")
DEEP = "[" * 5000 + "]" * 5000


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each value in a record, of lists the first and the last."""
    if path:
        yield path
    inner = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    for key, item in inner if isinstance(value, dict) else {0: inner[0], -1: inner[-1]}.values() if inner else ():
        yield from paths(item, (*path, key))


def replaced(record: Record, path: tuple[Any, ...], value: Any) -> str:
    """The JSON of a record with another value; its key is again that of its configuration."""
    made = copy.deepcopy(record)
    place: Any = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    if path[0] == "config" and isinstance(made["config"], dict):
        made["key"] = key_of(made["config"])
    text = json.dumps(made)
    for word in UNQUOTED:
        text = text.replace(f'"{word}"', word) if value == word else text
    return text


def read_all(sweep: Path) -> Runs:
    """Read a sweep as report, status and resume do. Raises what they raise."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        for name in run_folders(sweep):
            if record := read_record(sweep / name):
                result_of(record)
        Candidates(sweep, 1)
        status = SweepStatus(sweep, None)
        try:
            "\n".join(progress_text.lines(status.read()))
        finally:
            status.close()
        try:
            found = analysis.read([sweep])
        except FaultError:  # no record is left
            return gather([sweep])
        write_runs(sweep, found.runs)
        summary_json.write(found, sweep)
        return found.runs


def check_rows(runs: Runs, sound: Runs, damaged: str) -> None:
    """Raise AssertionError for a row that is wrong: another run's, or of values that a run cannot have."""
    frame, before = runs.frame, sound.frame
    if not len(frame):
        return
    others = frame[frame.folder != damaged].set_index("folder")
    same = [name for name in ("status", "seed", "val_accuracy", "test_accuracy", "test_loss") if name in others]
    expected = before[before.folder != damaged].set_index("folder")
    assert set(others.index) <= set(expected.index)
    assert others[same].equals(expected.loc[others.index, same])
    assert len(others) == len(expected) or runs.measure != sound.measure
    for _, row in frame[frame.folder == damaged].iterrows():
        assert row.status in STATUSES
        assert isinstance(row.seed, int)
        old = before[before.folder == damaged].iloc[0]
        for name in ("val_accuracy", "test_accuracy"):
            if name in row and old.status == row.status == "finished" and name in old:
                assert row[name] == old[name], name
        assert row.seconds >= 0
    assert all("\n" not in line and "\x1b" not in line for line in runs.notes)
    run_table(runs)


def damage_records(sweep: Path, examples: int, seed: int = 0) -> int:
    """Replace values of each record of a sweep, one at a time; returns the number of tries.

    examples: of each record, drawn at random.
    """
    sound, tried, draw = read_all(sweep), 0, random.Random(seed)
    for name in run_folders(sweep):
        file = sweep / name / FILE
        whole = file.read_bytes()
        record = json.loads(whole)
        every = [(path, value) for path in paths(record) for value in VALUES]
        for path, value in draw.sample(every, min(examples, len(every))):
            file.write_text(replaced(record, path, value))
            try:
                check_rows(read_all(sweep), sound, name)
            except BaseException as error:
                raise AssertionError(f"{name}: {path} = {value!r:.60}") from error
            tried += 1
        file.write_text(DEEP)
        check_rows(read_all(sweep), sound, name)
        file.write_bytes(whole)
    return tried


def files_of(sweep: Path) -> list[Path]:
    """Every file of a sweep, and the database beside it."""
    return sorted(path for path in (*sweep.rglob("*"), sweep.parent / "hpsearch.db") if path.is_file())


def cut_files(sweep: Path, cuts: int) -> int:
    """Cut every file of a sweep off at several places, and fill it with other bytes; returns the number of tries."""
    sound, tried = read_all(sweep), 0
    for file in files_of(sweep):
        whole = file.read_bytes()
        sizes = sorted({len(whole) * part // cuts for part in range(cuts)})
        for content in [*(whole[:size] for size in sizes), b"\xff\xfe" * 50, b"\0" * len(whole)]:
            file.write_bytes(content)
            damaged = file.parent.name if file.name == FILE else ""
            try:
                check_rows(read_all(sweep), sound, damaged)
                if file.suffix in (".safetensors", ".skops", ".json"):
                    predict(sweep)
            except BaseException as error:
                raise AssertionError(f"{file}: {len(content)} of {len(whole)} bytes") from error
            tried += 1
        file.write_bytes(whole)
    return tried


def predict(sweep: Path) -> None:
    """Load the winner's net, unless one line says why not."""
    with suppress(FaultError):
        winner.load(sweep)


def copy_of(sweep: Path, folder: Path) -> Path:
    """A sweep with its database in another folder."""
    shutil.copytree(sweep, folder / sweep.name)
    if (database := sweep.parent / "hpsearch.db").exists():
        shutil.copy(database, folder)
    return folder / sweep.name
