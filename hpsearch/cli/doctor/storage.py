"""The doctor's check of a storage."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sql

from hpsearch.cli.doctor.check import FAULT, OK, Check
from hpsearch.errors import UsageError
from hpsearch.search.storage import CONNECT_SECONDS, Storage, StorageError, file_of, masked, parsed_url

SECONDS_FOR_A_DATABASE = 3


def storage(url: str | None) -> Iterator[Check]:
    """The storage of a URL, or of the working directory. Makes no file and no table. Raises UsageError."""
    given = url or "sqlite:///multirun/hpsearch.db"
    parsed = parsed_url(given)
    if parsed is None:
        Storage(given)  # raises, with the form of a URL
        return
    file = file_of(parsed)
    if file is not None:
        if not file.is_file():
            status, cure = (OK, "") if url is None else (FAULT, "a search makes it; or name another file")
            yield Check("storage", status, f"there is no {file} yet", cure)
            return
        yield Check("storage", OK, f"{file}: {_quick_check(file)}")
        mode = "rw" if os.access(file, os.W_OK) else "ro"
        given = f"sqlite:///file:{quote(str(file.absolute()))}?mode={mode}&uri=true"
    elif not _has_tables(given):
        yield Check("storage", OK, f"{masked(given)} answers; it has no studies yet")
        return
    with closing(Storage(given)) as storage:
        with storage.rdb.engine.connect() as connection:
            studies = connection.execute(sql.text("SELECT count(*) FROM studies")).scalar()
        yield Check(
            "storage",
            OK,
            f"{file or masked(given)}: tables of {storage.schema}; studies: {studies}",
        )


def _has_tables(url: str) -> bool:
    """True if the database of a server has the tables of studies. Makes none."""
    options = {"connect_timeout": CONNECT_SECONDS} if "psycopg" in url.partition(":")[0] else {}
    try:
        engine = sql.create_engine(url, connect_args=options)
        try:
            return sql.inspect(engine).has_table("studies")
        finally:
            engine.dispose()
    except (sql.exc.SQLAlchemyError, ImportError, OSError) as error:
        reason = str(getattr(error, "orig", error)).partition("\n")[0]
        raise StorageError(f"{masked(url)} does not answer: {reason}; see that the server runs, and the URL") from error


def _quick_check(file: Path) -> str:
    """The answer of SQLite. Raises UsageError for a file that is damaged, or no database of studies."""
    until = time.monotonic() + SECONDS_FOR_A_DATABASE
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file.absolute()))}?mode=ro", uri=True)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not {"studies", "trials"} <= tables:
                raise UsageError([f"{file}: is no database of studies; name another file"])
            connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)
            ((answer, *_), *_) = connection.execute("PRAGMA quick_check(1)")
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            return "too large to be checked as a whole"
        raise UsageError([f"{file}: cannot be read ({error}); end the program that holds it"]) from error
    except sqlite3.DatabaseError as error:
        raise UsageError([f"{file}: cannot be read ({error}); name another file, or restore it"]) from error
    if answer != "ok":
        raise UsageError([f"{file}: is damaged ({answer}); move it away: records stay, and grids are entered again"])
    return "is whole"
