"""The trials of a study, read while others work on it."""

import os
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from optuna.trial import FrozenTrial, TrialState

from hpsearch.record.claim import has_ended
from hpsearch.record.progress import Trials
from hpsearch.search.bulk import BulkStorage, counting
from hpsearch.search.owners import WORKER
from hpsearch.search.storage import StorageError, file_of, parsed_url


class TrialReader:
    """Reads the trials of the study `name` of the search in `sweep`. Changes nothing. Raises StorageError."""

    def __init__(self, url: str, name: str, sweep: Path) -> None:
        self._storage, self._name, self._sweep = BulkStorage(url), name, sweep
        self._trials: dict[int, FrozenTrial] = {}

    def read(self) -> Trials | None:
        """The trials that count; None if there is no such study."""
        if self._storage.find(self._name) is None:
            return None
        id = self._storage.study_id(self._name)
        states = self._storage.states(id)
        changed = [i for i, state in states.items() if i not in self._trials or self._trials[i].state is not state]
        if changed:
            self._trials |= self._storage.trials(id, changed)
        return _counted(self._trials, self._sweep)

    def close(self) -> None:
        """Give up the connections."""
        self._storage.close()


def _counted(trials: dict[int, FrozenTrial], sweep: Path) -> Trials:
    counted = counting(trials).values()
    states = Counter(trial.state for trial in counted)
    workers = Counter(str(t.user_attrs.get(WORKER)) for t in counted if t.state is TrialState.RUNNING)
    dead = {worker: number for worker, number in workers.items() if has_ended(sweep, worker)}
    return Trials(
        [trial.datetime_complete.timestamp() for trial in counted if trial.datetime_complete is not None],
        states[TrialState.PRUNED],
        states[TrialState.FAIL],
        {worker: number for worker, number in workers.items() if worker not in dead},
        dead,
    )


def study_of(cfg: dict[str, Any], sweep: Path, url: str | None) -> tuple[str, str]:
    """The URL and the name of the study of a search. Raises StorageError if the URL is not known.

    cfg: the search's configuration, not resolved. url: instead of the one that it names.
    """
    sweeper = cfg["hydra"]["sweeper"]
    name = _resolved(cfg, sweeper.get("study_name") or cfg.get("name")) or sweep.name
    if url is None and sweeper.get("storage"):
        url = _resolved(cfg, str(sweeper["storage"]))
        if url is None or "***" in url:
            raise StorageError(f"the study {name} needs the URL of its storage, with the password")
    file = sweep.absolute().parent / "hpsearch.db" if url is None else _file(url, Path(cfg["hydra"]["runtime"]["cwd"]))
    if file is None:
        return str(url), name
    if not file.exists():
        raise StorageError(f"{file}: no such file, so the trials of {name} are not known")
    mode = "rw" if os.access(file, os.W_OK) else "ro"  # with ro, SQLite leaves files beside it
    return f"sqlite:///file:{quote(str(file))}?mode={mode}&uri=true", name


def _resolved(cfg: dict[str, Any], value: str | None) -> str | None:
    """A value of the configuration; None if only the search itself could know it."""
    if value is None or "${" not in value:
        return value
    if "${now:" in value:  # the time of the search's start
        return None
    try:
        return str(OmegaConf.create(cfg | {"asked": value})["asked"])
    except (OmegaConfBaseException, ValueError):
        return None


def _file(url: str, cwd: Path) -> Path | None:
    """The file of a SQLite URL, relative to the folder in which the search was started."""
    parsed = parsed_url(url)
    file = None if parsed is None else file_of(parsed)
    return None if file is None else cwd / file
