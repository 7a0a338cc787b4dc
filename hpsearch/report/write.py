"""Print findings, and write them as tables, figures, a verdict and a page."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from hpsearch.formatting import inert
from hpsearch.record.file import write_text
from hpsearch.record.frame import write_csv
from hpsearch.report import matplotlib_import, tables
from hpsearch.report.analysis import Findings
from hpsearch.report.details import details
from hpsearch.report.section import Section
from hpsearch.report.verdict_text import comparisons, explanation

SHOWN_LOST = 10
WRITTEN = ".written"  # the figures and tables of a report, which the next one replaces


def show(findings: Findings, console: Console) -> None:
    """Print the table, the verdict, the warnings and the lost runs."""
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
        console.print(inert(line), markup=False, highlight=False)


def write(findings: Findings, folder: Path, sections: Sequence[Section] = ()) -> None:
    """Write table.*, verdict.md, the figures as PNG and PDF, and index.html, with further sections and their tables."""
    matplotlib_import.load()
    from hpsearch.report import figures, html_page  # late, because matplotlib takes a second

    folder.mkdir(parents=True, exist_ok=True)
    tables.write(folder, findings.display, findings.table, findings.runs)
    _remove_earlier(folder)
    tables_of = {f"{section.name}.csv": section.table for section in sections if section.table is not None}
    for name, table in tables_of.items():
        write_csv(folder / name, table)
    write_text(folder / "verdict.md", _verdict(findings))
    images = figures.write(
        folder, [*figures.drawings(findings), *(partial(figures.of_section, section) for section in sections)]
    )
    write_text(folder / "index.html", html_page.render(findings, images, sections))
    written = [*tables_of, *(f"{name}{suffix}" for name in images for suffix in (".png", ".pdf"))]
    write_text(folder / WRITTEN, "\n".join(written))


def _remove_earlier(folder: Path) -> None:
    """Remove the figures and tables that the last report listed as its own; files of the user's stay."""
    listed = (folder / WRITTEN).read_text(encoding="utf-8").splitlines() if (folder / WRITTEN).is_file() else []
    for name in listed:
        if Path(name).name == name:
            (folder / name).unlink(missing_ok=True)


def _verdict(findings: Findings) -> str:
    parts = [f"# {findings.title}", *findings.paragraphs]
    if findings.warnings or findings.runs.notes:
        parts.append("\n".join(f"- {line}" for line in (*findings.warnings, *findings.runs.notes)))
    for verdict in findings.verdicts:
        if len(verdict.others):
            shown = comparisons(verdict, findings.runs)
            parts += [
                shown.to_markdown(index=False, disable_numparse=True),
                explanation(findings.runs.measure, verdict.repeated),
            ]
    for detail in details(findings.runs, findings.verdicts):
        shown = detail.cells.to_markdown(index=False, disable_numparse=True)
        parts += [f"## {detail.title}", detail.caption, shown]
    return "\n\n".join([*parts, findings.size]).replace("<", "\\<") + "\n"


def place(sweeps: Sequence[Path]) -> Path:
    """The folder of a report: below its sweep, or for several sweeps below a folder with their names, beside them."""
    if len(sweeps) == 1:
        return sweeps[0] / "report"
    return sweeps[0].parent / "+".join(sweep.name for sweep in sweeps) / "report"
