"""Print findings, and write them as tables, a verdict and a page; for a paper as figures."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from hpsearch.formatting import inert
from hpsearch.record.file import write_text
from hpsearch.record.frame import write_csv
from hpsearch.record.repeated import labels
from hpsearch.report import html_page, matplotlib_import, side_by_side_table, tables
from hpsearch.report.findings import Findings
from hpsearch.report.section import Section
from hpsearch.report.verdict_text import comparisons, explanation

SHOWN_LOST = 10
MINE = "mine"  # folder of the user's own pictures in the report's
SIDE_BY_SIDE = "side_by_side.csv"
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


def write(findings: Findings, folder: Path, sections: Sequence[Section] = (), figures: bool = False) -> None:
    """Write table.md and .csv, verdict.md, the tables of sections, and index.html; of sweeps side by side their
    differences, too. figures: True for the figures of a paper, too, as PNG and PDF, and table.tex."""
    folder.mkdir(parents=True, exist_ok=True)
    tables.write(folder, findings.display, findings.table, findings.runs)
    _remove_earlier(folder)
    written = [f"{section.name}.csv" for section in sections if section.table is not None]
    if findings.compared is not None:
        written.append(SIDE_BY_SIDE)
        write_csv(folder / SIDE_BY_SIDE, side_by_side_table.numbers(findings.compared, findings.table))
    for section in sections:
        if section.table is not None:
            write_csv(folder / f"{section.name}.csv", section.table)
    write_text(folder / "verdict.md", _verdict(findings, sections))
    write_text(folder / "index.html", html_page.render(findings, sections, html_page.pictures_of(folder / MINE)))
    if figures:
        written += _write_figures(findings, folder, sections)
    write_text(folder / WRITTEN, "\n".join(written))


def _write_figures(findings: Findings, folder: Path, sections: Sequence[Section]) -> list[str]:
    """Write what a paper needs; return the names of the files."""
    matplotlib_import.load()
    from hpsearch.report import figures  # late, because matplotlib takes a second

    write_text(folder / "table.tex", tables.latex(findings.display))
    of_sections = [partial(figures.of_section, section) for section in sections]
    names = figures.write(folder, [*figures.drawings(findings), *of_sections])
    return ["table.tex", *(f"{name}{suffix}" for name in names for suffix in (".png", ".pdf"))]


def _remove_earlier(folder: Path) -> None:
    """Remove the figures and tables that the last report listed as its own; files of the user's stay."""
    listed = (folder / WRITTEN).read_text(encoding="utf-8").splitlines() if (folder / WRITTEN).is_file() else []
    for name in listed:
        if Path(name).name == name:
            (folder / name).unlink(missing_ok=True)


def _verdict(findings: Findings, sections: Sequence[Section]) -> str:
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
    if findings.compared is not None:
        parts.append(tables.markdown(findings.display))
    for section in sections:
        if section.group == "details" and section.table is not None:
            table = section.table.to_markdown(index=False, disable_numparse=True)
            parts += [f"## {section.title}", section.text, table]
    return "\n\n".join([*parts, findings.size]).replace("<", "\\<") + "\n"


def place(sweeps: Sequence[Path]) -> Path:
    """The folder of a report: below its sweep, or for several sweeps below a folder with their names, beside them."""
    if len(sweeps) == 1:
        return sweeps[0] / "report"
    names = [name.strip("/").replace("/", "-") for name in labels(sweeps).values()]
    return sweeps[0].parent / "+".join(names) / "report"
