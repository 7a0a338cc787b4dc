"""Show the progress of training: a live bar on a terminal, plain lines elsewhere."""

from collections.abc import Collection
from math import isfinite
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from hpsearch.components.metric import Metric
from hpsearch.engine.result import History
from hpsearch.record.measure import title_of

SECONDS_BETWEEN_LINES = 5.0


class TrainingProgress:
    """Counts epochs and runs. Use as a context manager.

    runs: the expected number. Runs that have not begun count with the mean epochs of the others.
    """

    def __init__(self, runs: int) -> None:
        self.runs = runs
        self.begun = self.runs_done = self.epochs_done = self._known = 0
        self.best: float | None = None
        self.metric: Metric | None = None
        self.started = self.printed = perf_counter()
        self.console = Console()
        self._bar: Progress | None = None

    @property
    def epochs(self) -> int:
        """The expected number of epochs of all runs."""
        return round(self._known * max(self.runs, self.begun) / max(self.begun, 1))

    def __enter__(self) -> "TrainingProgress":
        if self.console.is_terminal:
            left = TimeRemainingColumn(compact=True), TextColumn("left")
            columns = TextColumn("{task.description}"), BarColumn(), *left
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task(self._text(), total=self.epochs)
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, epochs: int, metric: Metric) -> None:
        """Count a run of `epochs` epochs that `metric` judges."""
        self.begun += 1
        self.metric = metric
        self._known += epochs

    def epoch(self, histories: Collection[History]) -> None:
        """Count an epoch of each run, given the runs' histories."""
        self.epochs_done += len(histories)
        known = [] if self.best is None else [self.best]
        values = [value for history in histories if isfinite(value := history.val_metric[-1])] + known
        if values and self.metric is not None:
            self.best = max(values) if self.metric.maximize else min(values)
        self._show()

    def run_done(self, skipped_epochs: int) -> None:
        """Count a run that has ended, `skipped_epochs` before its last epoch."""
        self.runs_done += 1
        self._known -= skipped_epochs
        self._show()

    def _text(self) -> str:
        best = ""
        if self.best is not None and self.metric is not None:
            value = f"{self.best:.2%}" if self.metric.unit == "%" else f"{self.best:.4g}"
            best = f", best validation {title_of(self.metric.name)} {value}"
        runs = f"{self.runs_done}/{max(self.runs, self.begun)} runs, " if self.runs > 1 else ""
        return f"{runs}epoch {self.epochs_done}/{self.epochs}{best}"

    def _show(self) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=self._text(), completed=self.epochs_done, total=self.epochs)
        elif perf_counter() - self.printed > SECONDS_BETWEEN_LINES:
            self.printed = perf_counter()
            left = (self.printed - self.started) / max(self.epochs_done, 1) * (self.epochs - self.epochs_done)
            print(f"{self._text()}, {left:.0f} s left", flush=True)
