"""All findings about some sweeps, as numbers and text; nothing is printed or drawn yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hpsearch.errors import UsageError
from hpsearch.formatting import SPREADS, count, duration
from hpsearch.record.commands import Origin, of_sweep
from hpsearch.record.folders import fault_of_sweep
from hpsearch.record.frame import Runs, gather
from hpsearch.report import confirmation, retraining, tables, verdict_text
from hpsearch.report.summary_table import summarise
from hpsearch.report.verdict import Verdict, judge


@dataclass(frozen=True)
class Findings:
    """table: `summary_table.summarise` of the runs, with the columns best and tie. verdicts: one per data set.
    paragraphs, warnings: the text of the verdicts and confirmations. display: the table for reading, in `layout`."""

    sweeps: list[Path]
    runs: Runs
    table: pd.DataFrame
    verdicts: list[Verdict]
    paragraphs: list[str]
    warnings: list[str]
    layout: tables.Layout
    display: tables.Display

    @property
    def title(self) -> str:
        """The sweeps' names."""
        return " + ".join(sweep.name for sweep in self.sweeps)

    @property
    def origins(self) -> list[Origin]:
        """The origins of the sweeps, without a sweep that has lost its ``multirun.yaml``."""
        return [origin for sweep in self.sweeps if (origin := of_sweep(sweep))]

    @property
    def size(self) -> str:
        """A line with the numbers of runs and configurations, and the time in training."""
        runs, seconds = self.runs.frame, self.runs.frame.seconds
        pruned = (runs.status == "pruned").sum()
        early = f", {pruned:,} pruned early" if pruned else ""
        missing = f", {count(len(self.runs.missing), 'run')} missing" if self.runs.missing else ""
        return (
            f"{count(len(runs), 'run')} of {count(len(self.table), 'configuration')}{early}{missing}, "
            f"{duration(seconds.sum())} of training ({duration(seconds.mean())} a run)"
        )


def read(
    sweeps: Sequence[Path], rows: Sequence[str] = (), columns: str | None = None, spread: str = "seed_std"
) -> Findings:
    """Read and judge sweeps. Raises UsageError for a folder without records and for a key that was not swept."""
    runs = read_runs(sweeps)
    sweeps = list(dict.fromkeys(sweep.resolve() for sweep in sweeps))
    table = summarise(runs)
    verdicts = judge(runs, table)
    table["best"] = table.index.isin([verdict.winner for verdict in verdicts])
    table["tie"] = table.index.isin([tie for verdict in verdicts for tie in verdict.ties])
    paragraphs = [verdict_text.paragraph(verdict, runs) for verdict in verdicts]
    paragraphs += confirmation.paragraphs(sweeps, runs, verdicts)
    paragraphs += retraining.paragraphs(sweeps, runs)
    warnings = list(dict.fromkeys(line for verdict in verdicts for line in verdict_text.warnings(runs, verdict)))
    layout = tables.layout(table, runs, list(rows), columns, spread)
    if layout.spread != spread:
        warnings.append(f"--spread={spread}: only accuracy has it; ± is the {SPREADS[layout.spread]}.")
    display = tables.display(table, runs, layout, " + ".join(sweep.name for sweep in sweeps))
    return Findings(sweeps, runs, table, verdicts, paragraphs, warnings, layout, display)


def read_runs(sweeps: Sequence[Path]) -> Runs:
    """The runs of sweeps. Raises UsageError for a folder without records."""
    faults = [fault for sweep in sweeps if (fault := fault_of_sweep(sweep))]
    if faults:
        raise UsageError(faults)
    runs = gather(sweeps)
    if runs.frame.empty:
        listed = ", ".join(str(sweep.resolve()) for sweep in sweeps)
        missing = f"{listed}: no run has a record yet ({count(len(runs.missing), 'run')} missing)"
        raise UsageError([*runs.notes, missing])
    return runs
