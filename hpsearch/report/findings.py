"""All findings about some sweeps, as numbers and text."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hpsearch.formatting import count, duration
from hpsearch.record.commands import Origin, of_sweep, run_command
from hpsearch.record.frame import Runs
from hpsearch.report import tables
from hpsearch.report.headline import Headline
from hpsearch.report.side_by_side import SideBySide
from hpsearch.report.verdict import Verdict


@dataclass(frozen=True)
class Findings:
    """table: `summary_table.summarise` of the runs, with the columns best and tie. verdicts: one per data set.
    paragraphs, warnings: the text of the verdicts and confirmations. display: the table for reading, in `layout`.
    compared: sweeps that repeat one another, side by side; there are no verdicts then."""

    sweeps: list[Path]
    runs: Runs
    table: pd.DataFrame
    verdicts: list[Verdict]
    paragraphs: list[str]
    warnings: list[str]
    layout: tables.Layout
    display: tables.Display
    headlines: list[Headline]
    compared: SideBySide | None = None

    @property
    def title(self) -> str:
        """The sweeps' names."""
        return " + ".join(self.runs.sweeps)

    @property
    def origins(self) -> list[Origin]:
        """The origins of the sweeps, without a sweep that has lost its ``multirun.yaml``."""
        return [origin for sweep in self.sweeps if (origin := of_sweep(sweep))]

    @property
    def commands(self) -> list[str]:
        """The commands that made the sweeps, or the single run."""
        single = [run_command(record) for record in self.runs.records[:1] if len(self.runs.records) == 1]
        return [origin.command for origin in self.origins] or single

    @property
    def size(self) -> str:
        """A line with the numbers of runs and configurations, and the time in training."""
        runs, seconds = self.runs.frame, self.runs.frame.seconds
        pruned = (runs.status == "pruned").sum()
        early = f", {pruned:,} pruned early" if pruned else ""
        missing = f", {count(len(self.runs.missing), 'run')} missing" if self.runs.missing else ""
        different = len(self.table if self.compared is None else self.compared.rows)
        sweeps = "" if self.compared is None else f" in {count(len(self.sweeps), 'sweep')}"
        return (
            f"{count(len(runs), 'run')} of {count(different, 'configuration')}{sweeps}{early}{missing}, "
            f"{duration(seconds.sum())} of training ({duration(seconds.mean())} a run)"
        )
