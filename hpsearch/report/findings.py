"""All that is known of some sweeps, as numbers and words; nothing printed or drawn yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hpsearch import record
from hpsearch.report import prose, tables
from hpsearch.report.configurations import summarise
from hpsearch.report.confirmation import Confirmation, confirmation
from hpsearch.report.runs import Runs, gather
from hpsearch.report.tables import Display
from hpsearch.report.verdict import Verdict, judge
from hpsearch.report.wording import count, duration
from hpsearch.usage import UsageError


@dataclass(frozen=True)
class Findings:
    """table: `configurations.summarise` of the runs; paragraph, warnings: the verdict in words; display: the table as
    it is shown, in `layout`."""

    sweeps: list[Path]
    runs: Runs
    table: pd.DataFrame
    verdict: Verdict
    paragraph: str
    warnings: list[str]
    confirmation: Confirmation | None
    layout: tables.Layout
    display: Display

    @property
    def title(self) -> str:
        """The sweeps' names."""
        return " + ".join(sweep.name for sweep in self.sweeps)

    @property
    def size(self) -> str:
        """How many runs and how long they took."""
        runs, seconds = self.runs.frame, self.runs.frame.seconds
        missing = f", {count(len(self.runs.missing), 'run')} missing" if self.runs.missing else ""
        return (
            f"{count(len(runs), 'run')} of {count(len(self.table), 'configuration')}{missing}, "
            f"{duration(seconds.sum())} of training ({duration(seconds.mean())} a run)"
        )


def read(
    sweeps: Sequence[Path], rows: Sequence[str] = (), columns: str | None = None, spread: str = "seed_std"
) -> Findings:
    """Raises UsageError for a folder without records and for a key that was not swept."""
    faults = [fault for sweep in sweeps if (fault := _fault(sweep))]
    if faults:
        raise UsageError(faults)
    sweeps = [sweep.resolve() for sweep in sweeps]
    runs = gather(sweeps)
    if runs.frame.empty:
        listed = ", ".join(map(str, sweeps))
        left = [*runs.notes, f"{listed}: no run has a record yet ({count(len(runs.missing), 'run')} missing)"]
        raise UsageError(left)
    table = summarise(runs)
    verdict = judge(runs, table)
    layout = tables.layout(table, runs.swept, list(rows), columns, spread)
    title = " + ".join(sweep.name for sweep in sweeps)
    display = tables.display(table, runs.swept, verdict, layout, title)
    return Findings(
        list(sweeps),
        runs,
        table,
        verdict,
        prose.paragraph(runs, table, verdict),
        prose.warnings(runs, table, verdict),
        confirmation(sweeps, runs, table, verdict),
        layout,
        display,
    )


def _fault(sweep: Path) -> str | None:
    if not sweep.is_dir():
        return f"{sweep}: no such folder; name the folder of a sweep, multirun/<name>"
    if record.run_folders(sweep):
        return None
    if (sweep / record.FILE).exists():
        return f"{sweep}: is the folder of one run; name its sweep's, {sweep.parent}"
    inside = sorted(path.name for path in sweep.iterdir() if path.is_dir() and record.run_folders(path))
    cure = (
        f"name one of those in it: {', '.join(inside[:5])}" if inside else "name the folder of a sweep, multirun/<name>"
    )
    return f"{sweep}: holds no runs of hpsearch; {cure}"
