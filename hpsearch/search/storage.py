"""Optuna's storage: opened, and each of its errors told in one line without the password.

Long, because each fault has its own cure.
"""

import re
import sqlite3
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
import sqlalchemy as sql
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from sqlalchemy.engine import URL, make_url

from hpsearch.errors import UsageError

BUSY_SECONDS = 60  # that a writer waits for another writer
BUSY_SECONDS_AT_OPENING = 5
CONNECT_SECONDS = 10  # that a server has to answer
TRIES_TO_OPEN = 5  # because of several processes that make the tables at once, one succeeds
URLS = "sqlite:///<file>, postgresql+psycopg://<user>:<password>@<host>/<database>"
PACKAGES = {"MySQLdb": "mysqlclient"}  # a module whose package has another name


class StorageError(UsageError):
    """A fault of a storage and how to mend it, as one line without the password."""

    def __init__(self, fault: str) -> None:
        super().__init__([fault])


def masked(url: str) -> str:
    """The URL with *** for its password; *** alone for a text that is no URL."""
    parsed = parsed_url(url)
    if parsed is None:
        return "***"
    if not _secrets(parsed):
        return url  # as typed, because rendering quotes characters
    return re.sub(r"(?i)([?&][^=&]*passw[^=&]*=)[^&]*", r"\1***", parsed.render_as_string(hide_password=True))


def parsed_url(url: str) -> URL | None:
    """None for a text that is no URL, and if an @ in the password is not written as %40: the host would begin there."""
    try:
        parsed = make_url(url)
    except (sql.exc.ArgumentError, ValueError):  # ValueError: a port that is no number
        return None
    return None if "@" in (parsed.host or "") else parsed


def _secrets(parsed: URL) -> list[str]:
    given = [parsed.password, *(value for key, value in parsed.query.items() if "passw" in key.lower())]
    return [secret for secret in given if isinstance(secret, str) and secret]


class Storage:
    """Optuna's storage at `url`; its tables are made if there are none. Every method raises StorageError."""

    def __init__(self, url: str) -> None:
        self.url = url
        if parsed_url(url) is None:
            raise self.fault(f"cannot be used: it is no URL like {URLS} (with %40 for @ in the password)")
        with self.errors(opening=True):
            self.rdb = _open(url)
            self.schema, newest = self.rdb.get_current_version(), self.rdb.get_head_version()
        if self.schema != newest:
            self.close()
            older = self.schema in self.rdb.get_all_versions()
            mend = f"optuna storage upgrade --storage '{masked(url)}'" if older else "pip install -U optuna"
            raise self.fault(f"cannot be used: its tables are those of another Optuna ({self.schema}); run {mend}")

    def fault(self, text: str) -> StorageError:
        """The error of this storage that says `text`."""
        return StorageError(f"hydra.sweeper.storage={masked(self.url)}: {text}")

    @contextmanager
    def errors(self, opening: bool = False) -> Iterator[None]:
        """Inside, an error of the storage becomes a StorageError."""
        try:
            yield
        except ImportError as error:
            raise self.fault(f"its driver is missing; {self._driver(error)}") from error
        except (ValueError, TypeError) as error:
            raise self.fault(f"holds a row that cannot be read ({str(error).partition(chr(10))[0]})") from error
        except (sql.exc.SQLAlchemyError, StorageInternalError, sqlite3.Error, OSError, RuntimeError) as error:
            cause = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
            reason = str(getattr(cause, "orig", cause)).partition("\n")[0]
            for secret in _secrets(make_url(self.url)):
                reason = reason.replace(secret, "***")
            mend = self._mend(reason, cause) if opening else ""
            raise self.fault(f"cannot be used: {reason}{mend}") from error

    def _driver(self, error: ImportError) -> str:
        if make_url(self.url).get_backend_name() == "postgresql":
            return 'pip install "psycopg[binary]" and begin the URL with postgresql+psycopg://'
        module = (error.__cause__.name if isinstance(error.__cause__, ImportError) else error.name) or ""
        return f"pip install {PACKAGES.get(module, module)}" if module else "install the package of its driver"

    def _mend(self, reason: str, cause: BaseException) -> str:
        if isinstance(cause, sql.exc.NoSuchModuleError):
            return f"; give {URLS}"
        if make_url(self.url).get_backend_name() != "sqlite":
            return "; see that the server runs and that host, port, user, password and database are right"
        if "locked" in reason:
            return "; another program is writing to it: end that one, or name another file"
        if "not a database" in reason:
            return "; name another file"
        return "; name a file in a folder that can be written"

    def study(self, name: str, directions: Sequence[str], metric_names: Sequence[str] | None = None) -> optuna.Study:
        """The study of this name, made if there is none. `directions`: minimize or maximize, one per objective.
        Raises StorageError for a study that was made with other directions."""
        with self.errors():
            wanted = [StudyDirection[direction.upper()] for direction in directions]
            try:
                study = optuna.create_study(storage=self.rdb, study_name=name, directions=wanted)
                if metric_names:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore", ExperimentalWarning)
                        study.set_metric_names(list(metric_names))
            except optuna.exceptions.DuplicatedStudyError:
                study = optuna.load_study(storage=self.rdb, study_name=name)
            if study.directions != wanted:
                made = ", ".join(direction.name.lower() for direction in study.directions)
                raise StorageError(f"the study {name} was made with another direction: {made}; give a new name=…")
            return study

    def study_id(self, name: str) -> int:
        """The id of the study of this name."""
        with self.errors():
            return self.rdb.get_study_id_from_name(name)

    def find(self, name: str) -> optuna.Study | None:
        """The study of this name, or None."""
        with self.errors():
            try:
                return optuna.load_study(storage=self.rdb, study_name=name)
            except KeyError:
                return None

    def close(self) -> None:
        """Give up the connections."""
        self.rdb.engine.dispose()


def _open(url: str) -> RDBStorage:
    parsed, options = make_url(url), dict[str, Any]()
    file = file_of(parsed)
    if parsed.get_backend_name() == "sqlite":
        options = {"connect_args": {"timeout": BUSY_SECONDS}}
    else:
        options = {"pool_pre_ping": True}  # because a server ends connections that are idle for long
        if parsed.get_driver_name() in ("psycopg", "psycopg2") and "connect_timeout" not in parsed.query:
            options["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
    if file:
        _require_ours(file)
        _prepare(file)
    for left in reversed(range(TRIES_TO_OPEN)):
        try:
            # braces: Optuna takes the URL for a template; unchecked: a storage that is refused must be closed
            storage = RDBStorage(re.sub(r"([{}])", r"\1\1", url), options, skip_compatibility_check=True)
            break
        except (sql.exc.DBAPIError, StorageInternalError) as error:
            if not left or not re.search(r"already exists|unique|duplicate", f"{error} {error.__cause__}", re.I):
                raise
            time.sleep(0.1)
    if file:
        sql.event.listen(storage.engine, "connect", _do_not_wait_for_the_disk)
        storage.engine.dispose()  # the connections made before
    return storage


def _do_not_wait_for_the_disk(connection: Any, _: Any) -> None:
    """With a write-ahead log, a crash of the machine may cost the last transactions, never the file."""
    connection.execute("PRAGMA synchronous=NORMAL")


def file_of(url: URL) -> Path | None:
    """The file of a SQLite storage, if it is in one."""
    name = url.database or ""
    in_file = url.get_backend_name() == "sqlite" and name not in ("", ":memory:") and not name.startswith("file:")
    return Path(name) if in_file else None


def _require_ours(file: Path) -> None:
    """Raise sqlite3.Error for a database of somebody else, before anything in it changes."""
    if not file.is_file() or not file.stat().st_size:
        return
    with closing(sqlite3.connect(f"file:{quote(str(file.absolute()))}?mode=ro&immutable=1", uri=True)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    written = file.with_name(f"{file.name}-wal")  # tables that are made may stand there alone
    if tables and not {"studies", "trials"} <= tables and not (written.exists() and written.stat().st_size):
        raise sqlite3.DatabaseError("has tables of another program and is not a database of studies")


def _prepare(file: Path) -> None:
    """Make the folder, find out now if the file can be written, and let readers not wait for the writer."""
    file.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + BUSY_SECONDS_AT_OPENING
    with closing(sqlite3.connect(file, timeout=BUSY_SECONDS_AT_OPENING, isolation_level=None)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")  # is kept with the file
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
                return
            except sqlite3.OperationalError as error:  # changing the journal does not wait for others that change it
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.05)
