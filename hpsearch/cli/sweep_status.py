"""The progress of a sweep, from what its command has written: ``multirun.yaml``, folders, records, a study."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.errors import UsageError
from hpsearch.record import commands, multirun
from hpsearch.record.folders import fault_of_sweep
from hpsearch.record.progress import Progress, Trials
from hpsearch.record.reader import Job, RunReader, Runs, unbegun

if TYPE_CHECKING:  # Optuna takes half a second that a grid need not wait for
    from hpsearch.search.trials import TrialReader

SECONDS_BETWEEN_LOOKS = 2.0
STACKED, OURS = "hpsearch.cli.launcher.StackedLauncher", "hpsearch.cli.sweeper.OptunaSweeper"


class SweepStatus:
    """Reads the progress of the sweep in `folder`, again and again. url: of its study, instead of the one it names."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self._folder, self._url = folder, url
        self._reader = RunReader(folder)
        self._read_at: float | None = None  # the time of the multirun.yaml that was read
        self._cfg: dict[str, Any] | None = None
        self._jobs: set[Job] | None = None
        self._study: TrialReader | None = None

    def watch(self) -> Iterator[Progress]:
        """The progress now, and every two seconds, until the sweep has ended."""
        while True:
            progress = self.read()
            yield progress
            if progress.over:
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def read(self) -> Progress:
        """The progress now. Raises UsageError for a folder that is no sweep's, StorageError for the URL that was given.

        The study is read before the records, because the record of a run comes before the end of its trial.
        """
        try:
            started = _time_of(self._folder / multirun.MULTIRUN)
            if started is None and (fault := fault_of_sweep(self._folder)):
                raise UsageError([fault])
            cfg, notes = self._command(started), list[str]()
            trials = self._trials(cfg, notes) if cfg else None
            runs = self._reader.runs()
        except OSError as error:
            raise UsageError([f"{self._folder}: cannot be read ({error.strerror}); name a sweep's folder"]) from error
        if started is not None and cfg is None:
            notes.append(f"{self._folder / multirun.MULTIRUN}: cannot be read, so what is to come is not known")
        ended = self._end(cfg, runs, started)
        return Progress(
            self._folder,
            time.time(),
            runs,
            started,
            ended,
            self._unbegun(cfg, runs, started, ended) if cfg else None,
            cfg["hydra"]["sweeper"].get("n_trials") if cfg and trials else None,
            trials,
            commands.resume_command(cfg, self._folder.name) if cfg else None,
            notes,
        )

    def close(self) -> None:
        """Give up the study's storage."""
        if self._study is not None:
            self._study.close()

    def _command(self, started: float | None) -> dict[str, Any] | None:
        """The configuration of the sweep's last command, read again when its file has changed."""
        if started != self._read_at:
            self._read_at, self._cfg, self._jobs = started, multirun.read_multirun(self._folder), None
            if self._cfg and not multirun.is_searched(self._cfg):
                from hpsearch.cli import grid

                hydra = self._cfg["hydra"]
                self._jobs = grid.jobs(hydra["sweeper"].get("params") or {}, hydra["overrides"]["task"])
        return self._cfg

    def _unbegun(self, cfg: dict[str, Any], runs: Runs, started: float | None, ended: float | None) -> int | None:
        """The number of runs of a grid without a folder; None if that is not known, as of a search."""
        if multirun.is_searched(cfg) or self._jobs is None:
            return None
        hydra = cfg["hydra"]
        at_once = hydra["launcher"]["_target_"] == STACKED and hydra["sweeper"].get("max_batch_size") is None
        if at_once and (ended is not None or self._made_since(runs, started)):
            return 0  # two jobs may be one run: the folders are those of all runs
        return unbegun(self._jobs, runs, self._folder)

    def _made_since(self, runs: Runs, started: float | None) -> bool:
        """True if a run without a record got its folder after the command began."""
        return any((_time_of(self._folder / folder) or 0) >= (started or 0) for folder in runs.missing)

    def _end(self, cfg: dict[str, Any] | None, runs: Runs, started: float | None) -> float | None:
        """The time at which the last command wrote its results; None if it has not."""
        written = _time_of(self._folder / "runs.csv")
        stock = cfg is not None and multirun.is_searched(cfg) and cfg["hydra"]["sweeper"]["_target_"] != OURS
        after = [run.time for run in runs.recorded]
        if started is not None and not stock:  # Optuna's stock sweeper writes no multirun.yaml at its start
            after.append(started)
        return written if written is not None and after and written >= max(after) else None

    def _trials(self, cfg: dict[str, Any], notes: list[str]) -> Trials | None:
        """The trials of a search; None, with a note, if its study cannot be read."""
        if cfg["hydra"]["sweeper"]["_target_"] != OURS:
            return None
        from hpsearch.search.storage import StorageError
        from hpsearch.search.trials import TrialReader, study_of

        try:
            if self._study is None:
                url, name = study_of(cfg, self._folder, self._url)
                self._study = TrialReader(url, name, self._folder)
            return self._study.read()
        except StorageError as error:
            if self._url is not None:
                raise
            notes.append(f"{error}; --storage=… names it")
            return None


def _time_of(path: Path) -> float | None:
    """The time at which a file was written, or None without it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None
