"""Findings become a report: printed, and written as tables, figures, a verdict and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from hpsearch.record.commands import of_sweep
from hpsearch.report import tables
from hpsearch.report.analysis import Findings
from hpsearch.report.verdict_text import EXPLANATION, comparisons

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN_LOST = 10


def show(findings: Findings, console: Console) -> None:
    """Print the table, the verdict and what was left out."""
    tables.show(findings.display, console)
    lost = findings.runs.frame[~findings.runs.frame.status.isin(["finished", "pruned"])]
    lines = [
        "",
        *findings.paragraphs,
        *(f"! {line}" for line in findings.warnings),
        *(f"- {line}" for line in findings.runs.notes),
        *(f"- {run.sweep}/{run.folder}: {run.reason or run.status}" for _, run in lost.head(SHOWN_LOST).iterrows()),
        *([f"- and {len(lost) - SHOWN_LOST:,} more; runs.csv has the reasons"] if len(lost) > SHOWN_LOST else []),
        findings.size,
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False)


def write(findings: Findings, folder: Path) -> None:
    """Write table.*, verdict.md, the figures as PNG and PDF, and index.html."""
    from hpsearch.report import figures, html_page  # matplotlib takes a second that the printed table need not wait for

    folder.mkdir(parents=True, exist_ok=True)
    tables.write(folder, findings.display, findings.table, findings.runs.swept)
    (folder / "verdict.md").write_text(_verdict(findings), encoding="utf-8")
    drawings = figures.drawings(findings.runs, findings.table, findings.layout)
    if any(made.searched for made in map(of_sweep, findings.sweeps) if made):
        drawings.append(lambda: _of_search(findings))
    images = figures.write(folder, drawings)
    (folder / "index.html").write_text(html_page.render(findings, images), encoding="utf-8")


def _of_search(findings: Findings) -> Mapping[str, Figure]:
    from hpsearch.report import search_figures  # Optuna takes another half

    return search_figures.figures(findings.runs, findings.table)


def _verdict(findings: Findings) -> str:
    parts = [f"# {findings.title}", *findings.paragraphs]
    if findings.warnings or findings.runs.notes:
        parts.append("\n".join(f"- {line}" for line in (*findings.warnings, *findings.runs.notes)))
    for verdict in findings.verdicts:
        if len(verdict.others):
            shown = comparisons(verdict, findings.runs.swept)
            parts += [shown.to_markdown(index=False, disable_numparse=True), EXPLANATION]
    return "\n\n".join([*parts, findings.size]) + "\n"


def place(sweeps: Sequence[Path]) -> Path:
    """Where a report goes: into its sweep's folder, or beside several in one that has their names."""
    if len(sweeps) == 1:
        return sweeps[0] / "report"
    return sweeps[0].parent / "+".join(sweep.name for sweep in sweeps) / "report"
