"""Write ``index.html``: one self-contained page, drawn in the browser by page.js from the data that it carries.

Jinja escapes every name, and the data cannot end its element. The page's own policy lets nothing run but page.js, known
by its hash, and lets nothing be loaded.
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
from jinja2 import Environment
from markupsafe import Markup

from hpsearch.formatting import inert
from hpsearch.report.environments import environments
from hpsearch.report.findings import Findings
from hpsearch.report.page_data import page_data
from hpsearch.report.page_tables import grid, listed, plain
from hpsearch.report.section import Section
from hpsearch.report.short_names import rounded_name
from hpsearch.report.summary_table import places
from hpsearch.report.verdict import Verdict
from hpsearch.report.verdict_text import comparisons, explanation

PARTS = Path(__file__).parent
IMAGES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".webp": "webp", ".svg": "svg+xml"}
FOLD = 10  # rows of a table before the rest is folded
LONG = 40  # characters of a cell that may take several lines


def render(
    findings: Findings,
    sections: Sequence[Section] = (),
    mine: Sequence[tuple[str, str]] = (),
    version: str = "",
) -> str:
    """The page of a report. mine: addresses and names of the user's own pictures. version: of a page that is served
    while its sweep runs, and asks for a newer one."""
    script = (PARTS / "page.js").read_text(encoding="utf-8")
    data = page_data(findings) | {
        "charts": {section.name: section.chart for section in sections if section.chart},
        "version": version,
    }
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    others = [_others(verdict, findings) for verdict in findings.verdicts if len(verdict.others)]
    return environment.from_string((PARTS / "page.html").read_text(encoding="utf-8")).render(
        findings=findings,
        grid=grid(findings),
        listed=listed(findings),
        others=others,
        explanation=explanation(findings.runs.measure, any(verdict.repeated for verdict in findings.verdicts)),
        sections=[(section, plain(section.table) if section.table is not None else None) for section in sections],
        mine=mine,
        fold=FOLD,
        long=LONG,
        commands=findings.commands,
        environments={} if findings.compared else environments(findings.runs),  # side by side in a section
        style=Markup((PARTS / "page.css").read_text(encoding="utf-8")),
        chart_style=Markup((PARTS / "chart.css").read_text(encoding="utf-8")),
        script=Markup(script),
        data=_inert_json(data),
        policy=_policy(script, served=bool(version)),
    )


def pictures_of(folder: Path) -> list[tuple[str, str]]:
    """Addresses that hold the pictures in a folder of the user's, and their names, which are the words below them."""
    if not folder.is_dir() or folder.is_symlink():
        return []
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGES and file.is_file())
    return [
        (f"data:image/{IMAGES[file.suffix.lower()]};base64,{b64encode(file.read_bytes()).decode()}", inert(file.name))
        for file in files
        if not file.is_symlink()
    ]


def _others(verdict: Verdict, findings: Findings) -> tuple[list[str], list[list[str]], list[int]]:
    """The table of comparisons with the numbers of its rows; on the page a configuration has its number and its short
    name."""
    headings, rows = plain(comparisons(verdict, findings.runs))
    numbers = places(findings.table)
    shown = [numbers[c] for c in verdict.others.index[: len(rows)]]
    names = [rounded_name(verdict.table.loc[c], findings.runs.swept) for c in verdict.others.index[: len(rows)]]
    named = [[f"#{n + 1} {name}", *row[1:]] for n, name, row in zip(shown, names, rows, strict=True)]
    return headings, named, shown


def _inert_json(data: object) -> Markup:
    """JSON that no reader of HTML takes for anything else."""
    written = msgspec.json.encode(data, enc_hook=lambda value: value.item()).decode()  # of numpy
    for character in "<>&\u2028\u2029":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return Markup(written)


def _policy(script: str, served: bool) -> str:
    """The Content-Security-Policy of the page."""
    known = b64encode(sha256(script.encode()).digest()).decode()
    connect = "; connect-src 'self'" if served else ""
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{known}'{connect}"
