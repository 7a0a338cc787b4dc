"""The options of each tracker, ``tracker.<name>.<option>``, and their checks. No package of a tracker is imported.

`place` is where a tracker writes, as the ledger knows it; empty for its default. `kept` gives the runs that are there
and may not be more, because the user may have removed some; None where only the package could tell.

Long, because the options of all trackers are read side by side.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from hpsearch.errors import UsageError, require
from hpsearch.passwords import has_password, without_passwords
from hpsearch.record.file import read_plain
from hpsearch.record.folders import fault_of_folder
from hpsearch.trackers.run import name_of

INSTALL = 'pip install "hpsearch[trackers]"'
MODES = ("online", "offline")
PROJECT = r"[^/\\#?%:]{1,128}"
RUNS_CSV = "runs.csv"
Typed = Callable[[str], str]  # the name of an option as a user types it
FILE_STORE = "MLFLOW_ALLOW_FILE_STORE"


@dataclass(frozen=True)
class TensorBoard:
    """folder: of the event files; null: ``tensorboard/`` in the sweep's folder."""

    package: ClassVar[str] = "tensorboard"
    folder: str | None = None

    @property
    def place(self) -> str:
        return _absolute(self.folder)

    def folder_of(self, sweep: Path) -> Path:
        return _folder_of(self.folder, sweep, "tensorboard")

    def kept(self, sweep: Path) -> set[str] | None:
        folder = self.folder_of(sweep)
        return set(os.listdir(folder)) if folder.is_dir() else set()

    def check(self, typed: Typed) -> None:
        _check_folder(typed("folder"), self.folder)


@dataclass(frozen=True)
class Mlflow:
    """uri: of the tracking server or database; null: MLflow's own default. experiment: made if there is none."""

    package: ClassVar[str] = "mlflow"
    uri: str | None = None
    experiment: str = "hpsearch"

    @property
    def place(self) -> str:
        uri = self.uri or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
        file = re.fullmatch("sqlite:///([^/].*)", uri)  # a path from the working directory
        return f"{_absolute(file[1]) if file else without_passwords(uri)} experiment={self.experiment}"

    def kept(self, sweep: Path) -> set[str] | None:
        return None

    def check(self, typed: Typed) -> None:
        uri, must = self.uri, "http://…, https://…, sqlite:///… or another database"
        if uri is not None:
            secret = "without a password; MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD hold it, of a server"
            require(not has_password(uri), typed("uri"), without_passwords(uri), secret)
            kept = not uri.startswith("file:") or os.environ.get(FILE_STORE) == "true"
            known = "://" in uri or uri.partition(":")[0] == "databricks"
            require(kept and known, typed("uri"), uri, f"{must}; MLflow keeps no runs in plain files any more")
        require(bool(self.experiment), typed("experiment"), self.experiment, "the name of an experiment")


@dataclass(frozen=True)
class Wandb:
    """entity, mode: null: as Weights & Biases is set up. folder: in which it makes ``wandb/``."""

    package: ClassVar[str] = "wandb"
    project: str = "hpsearch"
    entity: str | None = None
    mode: str | None = None
    folder: str | None = None

    @property
    def place(self) -> str:
        found = {"entity": self.entity, "mode": self.mode, "folder": self.folder and _absolute(self.folder)}
        return " ".join([f"project={self.project}", *(f"{key}={value}" for key, value in found.items() if value)])

    def kept(self, sweep: Path) -> set[str] | None:
        return None

    def check(self, typed: Typed) -> None:
        must = "a name of at most 128 characters without / \\ # ? % :"
        require(re.fullmatch(PROJECT, self.project) is not None, typed("project"), self.project, must)
        require(self.mode in (None, *MODES), typed("mode"), self.mode, f"one of {', '.join(MODES)}, or null")
        _check_folder(typed("folder"), self.folder)


@dataclass(frozen=True)
class Csv:
    """folder: of ``runs.csv`` and ``curves.csv``; null: ``csv/`` in the sweep's folder."""

    package: ClassVar[str | None] = None
    folder: str | None = None

    @property
    def place(self) -> str:
        return _absolute(self.folder)

    def folder_of(self, sweep: Path) -> Path:
        return _folder_of(self.folder, sweep, "csv")

    def kept(self, sweep: Path) -> set[str] | None:
        try:
            lines = read_plain(self.folder_of(sweep) / RUNS_CSV).decode("utf-8", "replace").splitlines()
        except OSError:
            return set()
        return {line.partition(",")[0] for line in lines}

    def check(self, typed: Typed) -> None:
        _check_folder(typed("folder"), self.folder)


Options = TensorBoard | Mlflow | Wandb | Csv
KINDS: dict[str, type[Options]] = {"tensorboard": TensorBoard, "mlflow": Mlflow, "wandb": Wandb, "csv": Csv}


def read(given: Mapping[str, Any], option: str = "tracker.{tracker}.{option}") -> dict[str, Options]:
    """The options of each tracker that is named. option: as what it is typed.

    Raises UsageError for a wrong value, and for a tracker that is not installed.
    """
    found, faults = {}, []
    for name, values in given.items():
        try:
            found[name] = _options(name, values, partial(_typed, option, name))
        except UsageError as error:
            faults += error.faults
    if faults:
        raise UsageError(faults)
    return found


def _typed(form: str, tracker: str, option: str) -> str:
    return form.format(tracker=tracker, option=option)


def _options(name: str, values: Any, typed: Typed) -> Options:
    require(name in KINDS, "tracker", name, f"one of none, {', '.join(KINDS)}")
    kind = KINDS[name]
    names = [each.name for each in fields(kind)]
    require(isinstance(values, Mapping), f"tracker.{name}", values, f"a mapping of {', '.join(names)}")
    for option, value in values.items():
        if option not in names:
            raise UsageError([f"{typed(option)}={value}: no such option; tracker={name} has {', '.join(names)}"])
        left_out = value is None and getattr(kind, option) is None
        require(left_out or (isinstance(value, str) and value != ""), typed(option), value, "a text")
    options = kind(**values)
    options.check(typed)
    if kind.package and not is_installed(kind.package):
        raise UsageError([f"tracker={name}: the package {kind.package} is not installed; {INSTALL}"])
    return options


def is_installed(package: str) -> bool:
    """True if a package can be imported. A folder of its name, such as the one that wandb makes, is none."""
    found = find_spec(package)
    return found is not None and found.origin is not None


def _absolute(folder: str | None) -> str:
    return "" if folder is None else str(Path(folder).absolute())


def _folder_of(given: str | None, sweep: Path, default: str) -> Path:
    """In a folder that is given, several sweeps may meet, so each has its own."""
    return Path(given).absolute() / name_of(sweep) if given else sweep / default


def _check_folder(key: str, folder: str | None) -> None:
    if folder is not None and fault_of_folder(Path(folder), runs=1):
        raise UsageError([f"{key}={folder}: cannot be written; name a folder that can"])
