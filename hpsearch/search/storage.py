"""Optuna's storage: opened, and whatever it raises named in one line without its password."""

import re
import sqlite3
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy as sql
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from sqlalchemy.engine import URL, make_url

from hpsearch.errors import UsageError

BUSY_SECONDS = 60  # that a writer waits for another one
BUSY_SECONDS_AT_OPENING = 5
CONNECT_SECONDS = 10  # for a server to answer
TRIES_TO_OPEN = 5  # of processes that make the tables at once, one succeeds
URLS = "sqlite:///<file>, postgresql+psycopg://<user>:<password>@<host>/<database>"
PACKAGES = {"MySQLdb": "mysqlclient"}  # named unlike their modules


class StorageError(UsageError):
    """What is wrong with a storage and how to mend it, as one line without its password."""

    def __init__(self, fault: str) -> None:
        super().__init__([fault])


def masked(url: str) -> str:
    """The URL with *** for its password; *** alone for what is no URL."""
    parsed = _parsed(url)
    if parsed is None:
        return "***"
    if not _secrets(parsed):
        return url  # rendering would quote what need not be
    return re.sub(r"(?i)([?&][^=&]*passw[^=&]*=)[^&]*", r"\1***", parsed.render_as_string(hide_password=True))


def _parsed(url: str) -> URL | None:
    """None also where an @ in the password was not written as %40: what follows it would be taken for the host."""
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
        if _parsed(url) is None:
            raise StorageError(
                f"hydra.sweeper.storage=***: cannot be used: it is no URL like {URLS} (with %40 for @ in the password)"
            )
        with self.errors(opening=True):
            self.rdb = _open(url)

    @contextmanager
    def errors(self, opening: bool = False) -> Iterator[None]:
        """What the storage raises inside becomes StorageError."""
        try:
            yield
        except ImportError as error:
            raise StorageError(
                f"hydra.sweeper.storage={masked(self.url)}: its driver is missing; {self._driver(error)}"
            ) from error
        except (sql.exc.SQLAlchemyError, StorageInternalError, sqlite3.Error, OSError, RuntimeError) as error:
            cause = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
            reason = str(getattr(cause, "orig", cause)).partition("\n")[0]
            reason = reason.replace("$STORAGE_URL", f"'{masked(self.url)}'")  # of Optuna, to upgrade the tables
            for secret in _secrets(make_url(self.url)):
                reason = reason.replace(secret, "***")
            mend = self._mend(reason, cause) if opening else ""
            raise StorageError(f"hydra.sweeper.storage={masked(self.url)}: cannot be used: {reason}{mend}") from error

    def _driver(self, error: ImportError) -> str:
        if make_url(self.url).get_backend_name() == "postgresql":
            return 'pip install "psycopg[binary]" and begin the URL with postgresql+psycopg://'
        module = (error.__cause__.name if isinstance(error.__cause__, ImportError) else error.name) or ""
        return f"pip install {PACKAGES.get(module, module)}" if module else "install the package of its driver"

    def _mend(self, reason: str, cause: BaseException) -> str:
        if isinstance(cause, sql.exc.NoSuchModuleError):
            return f"; give {URLS}"
        if isinstance(cause, RuntimeError):  # the tables of another Optuna: it says itself what to do
            return ""
        if make_url(self.url).get_backend_name() != "sqlite":
            return "; see that the server runs and that host, port, user, password and database are right"
        if "locked" in reason:
            return "; another program is writing to it: end that one, or name another file"
        if "not a database" in reason:
            return "; name another file"
        return "; name a file in a folder that can be written"

    def study(self, name: str, directions: Sequence[str], metric_names: Sequence[str] | None = None) -> optuna.Study:
        """The study of this name, made where there is none. `directions`: minimize or maximize, one per objective.
        Raises StorageError if it was made with others."""
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

    def find(self, name: str) -> optuna.Study | None:
        """The study of this name where there is one."""
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
    if parsed.get_backend_name() == "sqlite":
        options = {"connect_args": {"timeout": BUSY_SECONDS}}
        _prepare_file(parsed.database)
    else:
        options = {"pool_pre_ping": True}  # a server gives up connections that are idle for long
        if parsed.get_driver_name() in ("psycopg", "psycopg2") and "connect_timeout" not in parsed.query:
            options["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
    for left in reversed(range(TRIES_TO_OPEN)):
        try:
            # braces: Optuna takes the URL for a template; unchecked: a storage that is refused must be closed
            storage = RDBStorage(re.sub(r"([{}])", r"\1\1", url), options, skip_compatibility_check=True)
            break
        except (sql.exc.DBAPIError, StorageInternalError) as error:
            if not left or not re.search(r"already exists|unique|duplicate", f"{error} {error.__cause__}", re.I):
                raise
            time.sleep(0.1)
    try:
        storage._version_manager.check_table_schema_compatibility()
    except BaseException:
        storage.engine.dispose()
        raise
    if parsed.get_backend_name() == "sqlite" and _is_file(parsed.database):
        sql.event.listen(storage.engine, "connect", _do_not_wait_for_the_disk)
        storage.engine.dispose()  # the connections that were made without it
    return storage


def _do_not_wait_for_the_disk(connection: Any, _: Any) -> None:
    """With a write-ahead log, a crash of the machine may cost the last transactions and never the file."""
    connection.execute("PRAGMA synchronous=NORMAL")


def _is_file(path: str | None) -> bool:
    return path not in (None, "", ":memory:") and not str(path).startswith("file:")


def _prepare_file(path: str | None) -> None:
    """Make its folder, see that it can be written now, and let readers not wait for the writer."""
    if path is None or not _is_file(path):
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + BUSY_SECONDS_AT_OPENING
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS_AT_OPENING, isolation_level=None)) as connection:
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
