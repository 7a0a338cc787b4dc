"""How far the training is: a live bar on a terminal, plain lines elsewhere."""

from collections.abc import Sequence
from time import perf_counter
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from hpsearch.engine import History

SECONDS_BETWEEN_LINES = 5.0


class TrainingProgress:
    """Counts epochs and runs. Use as a context manager; `epoch` is an `hpsearch.engine.Report`."""

    def __init__(self, runs: int, epochs: int) -> None:
        self.runs, self.epochs = runs, epochs
        self.runs_done = self.epochs_done = 0
        self.best: float | None = None
        self.started = self.printed = perf_counter()
        self.console = Console()
        self._bar: Progress | None = None

    def __enter__(self) -> "TrainingProgress":
        if self.console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TimeRemainingColumn(compact=True),
                TextColumn("left"),
            )
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task(self._text(), total=self.epochs)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def epoch(self, histories: Sequence[History]) -> None:
        """The run of each has done one more epoch."""
        self.epochs_done += len(histories)
        accuracies = [history.val_accuracy[-1] for history in histories]
        self.best = max([*accuracies, self.best or 0.0])
        self._show()

    def run_done(self, skipped_epochs: int) -> None:
        """A run has left; it will not do its last `skipped_epochs`."""
        self.runs_done += 1
        self.epochs -= skipped_epochs
        self._show()

    def _text(self) -> str:
        best = "" if self.best is None else f", best validation accuracy {self.best:.2%}"
        runs = f"{self.runs_done}/{self.runs} runs, " if self.runs > 1 else ""
        return f"{runs}epoch {self.epochs_done}/{self.epochs}{best}"

    def _show(self) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=self._text(), completed=self.epochs_done, total=self.epochs)
        elif perf_counter() - self.printed > SECONDS_BETWEEN_LINES:
            self.printed = perf_counter()
            left = (self.printed - self.started) / max(self.epochs_done, 1) * (self.epochs - self.epochs_done)
            print(f"{self._text()}, {left:.0f} s left", flush=True)
