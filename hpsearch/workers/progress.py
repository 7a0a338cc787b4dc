"""Show the progress of training: a live bar on a terminal, plain lines elsewhere, a last line on both."""

from collections.abc import Mapping
from time import perf_counter

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hpsearch.engine.result import History
from hpsearch.formatting import duration
from hpsearch.workers.run import Outcome, Run
from hpsearch.workers.tally import Tally

SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_UPDATES = 0.1
BAR = 16  # characters
KNOWN_AFTER = 0.02  # of the work: the time left is not known before


class TrainingProgress:
    """Shows a `Tally`. Use as a context manager. expected: the number of runs, as far as that is known."""

    def __init__(self, expected: int) -> None:
        self.tally = Tally(expected)
        self.started = perf_counter()
        self._shown = self.started
        self._console = Console()
        self._live: Live | None = None

    def __enter__(self) -> "TrainingProgress":
        if self._console.is_terminal:
            self._live = Live(Text("the first epoch"), console=self._console, transient=True)
            self._live.start()
        elif self.tally.runs > 1:
            print(f"training; {self.tally.runs} runs in all", flush=True)
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()
        if self.tally.runs > 1:
            print(f"{self.tally.text}, {duration(perf_counter() - self.started)}", flush=True)

    def begin(self, index: int, run: Run) -> None:
        """Count a run that has to be trained."""
        self.tally.begin(index, run)

    def known(self, status: str) -> None:
        """Count a run that had ended before."""
        self.tally.known(status)

    def epoch(self, histories: Mapping[int, History]) -> None:
        """Note the histories so far of runs in training."""
        self.tally.epoch(histories)
        self._show()

    def ended(self, index: int, outcome: Outcome) -> None:
        """Count a run that has ended."""
        self.tally.ended(index, outcome)
        self._show()

    def complete(self) -> None:
        """There will be no more runs, however many were expected."""
        self.tally.complete()

    def _show(self) -> None:
        now = perf_counter()
        if now - self._shown < (SECONDS_BETWEEN_LINES if self._live is None else SECONDS_BETWEEN_UPDATES):
            return
        self._shown, share = now, self.tally.share
        left = (now - self.started) / share * (1 - share) if share > KNOWN_AFTER else None
        time = "time left unknown" if left is None else f"{duration(max(1, round(left)))} left"
        best = self.tally.best
        if self._live is None:
            print(", ".join([self.tally.text, time, *([best] if best else [])]), flush=True)
        else:
            line = Table.grid(padding=(0, 1))
            line.add_row(self.tally.text, ProgressBar(1.0, share, BAR), f"{share:.0%}", time)
            self._live.update(Group(line, Text(best or "", overflow="ellipsis", no_wrap=True)))
