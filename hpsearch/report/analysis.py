"""Read sweeps and find what is to be said about them; nothing is printed or drawn yet."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hpsearch.errors import UsageError
from hpsearch.formatting import SPREADS, count
from hpsearch.record.folders import fault_of_sweep
from hpsearch.record.frame import SWEEP, Runs, gather
from hpsearch.report import (
    confirmation,
    data_sets,
    headline,
    looks,
    retraining,
    side_by_side,
    side_by_side_table,
    side_by_side_text,
    tables,
    verdict_text,
)
from hpsearch.report.bounds import bounds
from hpsearch.report.findings import Findings
from hpsearch.report.summary_table import summarise
from hpsearch.report.verdict import UNTESTABLE, judge, seeds_of, winner_key, winner_of


def read(
    sweeps: Sequence[Path],
    rows: Sequence[str] = (),
    columns: str | None = None,
    spread: str = "seed_std",
    margin: float | None = None,
) -> Findings:
    """Read and judge sweeps. margin: the difference that does not matter, in percentage points or the metric's unit.
    Sweeps that repeat one another are compared instead: the later ones with the first. Raises UsageError for a folder
    without records and for a key that was not swept."""
    runs = read_runs(sweeps)
    sweeps = list(dict.fromkeys(sweep.resolve() for sweep in sweeps))
    table = summarise(runs)
    margin = margin / 100 if runs.measure.in_percent and margin is not None else margin
    if runs.apart:
        return _compared(sweeps, runs, table, rows, columns, spread, margin)
    earlier = looks.read(sweeps[0]) if len(sweeps) == 1 else None  # several sweeps together have no folder
    verdicts = judge(runs, table, margin, earlier)
    table["best"] = table.index.isin([verdict.winner for verdict in verdicts])
    table["tie"] = table.index.isin([tie for verdict in verdicts for tie in verdict.ties])
    said = [
        (verdict_text.paragraph(verdict, runs), verdict_text.long_name(verdict, runs.swept)) for verdict in verdicts
    ]
    paragraphs = [line for lines in said for line in lines if line]
    if ranks := data_sets.rank(runs, table):
        paragraphs.append(data_sets.sentence(ranks))
    paragraphs += confirmation.paragraphs(sweeps, runs, verdicts)
    paragraphs += retraining.paragraphs(sweeps, runs)
    within = bounds(sweeps)
    doubts = (line for verdict in verdicts for line in verdict_text.warnings(runs, verdict, within))
    warnings = list(dict.fromkeys(doubts))
    if earlier == {} and (sweeps[0] / looks.FILE).exists():
        warnings.append(f"{looks.FILE} is no list of earlier looks: this look counts as the first.")
    layout = tables.layout(table, runs, list(rows), columns, spread)
    warnings += _other_spread(spread, layout)
    display = tables.display(table, runs, layout, " + ".join(runs.sweeps))
    top = headline.of_winners(verdicts, runs)
    return Findings(sweeps, runs, table, verdicts, paragraphs, warnings, layout, display, top)


def _compared(
    sweeps: list[Path],
    runs: Runs,
    table: pd.DataFrame,
    rows: Sequence[str],
    columns: str | None,
    spread: str,
    margin: float | None,
) -> Findings:
    """Findings about sweeps that repeat one another."""
    for option, key in (("--rows", ",".join(rows)), ("--columns", columns)):
        if key:
            cure = "leave it out, because these sweeps repeat one another and are the columns"
            raise UsageError([f"{option}={key}: {cure}"])
    found = side_by_side.side_by_side(runs, table, margin)
    groups = [its for _, its in table.groupby([SWEEP, "data_set"], sort=False)]
    table["best"] = table.index.isin([winner_of(its) for its in groups])
    table["tie"] = False
    layout = tables.layout(table, runs, found.keys, SWEEP, spread)
    display = side_by_side_table.display(found, runs, table, layout.spread, ", ".join(runs.sweeps))
    return Findings(
        sweeps,
        runs,
        table,
        [],
        side_by_side_text.paragraphs(found, runs, table),
        _other_spread(spread, layout),
        layout,
        display,
        side_by_side_text.headlines(found, runs),
        found,
    )


def _other_spread(asked: str, layout: tables.Layout) -> list[str]:
    if layout.spread == asked:
        return []
    return [f"--spread={asked}: only accuracy has it; ± is the {SPREADS[layout.spread]}."]


def note_looks(found: Findings) -> None:
    """Enter this look into the sweep's ledger. A look at which nothing could be tested does not count."""
    tested = {
        str(verdict.table.data_set.iloc[0]): (
            seeds_of(found.runs, verdict.table),
            winner_key(found.runs, verdict.winner),
        )
        for verdict in found.verdicts
        if verdict.winner is not None and len(verdict.others) and (verdict.others.result != UNTESTABLE).any()
    }
    if len(found.sweeps) == 1 and tested:
        looks.note(found.sweeps[0], tested)


def read_runs(sweeps: Sequence[Path]) -> Runs:
    """The runs of sweeps. Raises UsageError for a folder without records."""
    faults = [fault for sweep in sweeps if (fault := fault_of_sweep(sweep))]
    if faults:
        raise UsageError(faults)
    runs = gather(sweeps, compare=True)
    if runs.frame.empty:
        listed = ", ".join(str(sweep.resolve()) for sweep in sweeps)
        missing = f"{listed}: no run has a record yet ({count(len(runs.missing), 'run')} missing)"
        raise UsageError([*runs.notes, missing])
    return runs
