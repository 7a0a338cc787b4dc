"""``index.html``: one self-contained page. Jinja escapes every name; nothing is loaded from outside."""

from base64 import b64encode
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from hpsearch.formatting import duration, percent
from hpsearch.record.commands import configuration_command, of_sweep
from hpsearch.report import figures, tables
from hpsearch.report.analysis import Findings
from hpsearch.report.environments import environments
from hpsearch.report.summary_table import label
from hpsearch.report.verdict_text import EXPLANATION, comparisons

TEMPLATE = Path(__file__).with_name("page.html")


def render(findings: Findings, images: dict[str, bytes]) -> str:
    """images: the figures as PNG, by their files' names."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": percent, "duration": duration}
    others = [
        Markup(comparisons(verdict, findings.runs.swept).to_html(index=False, border=0))
        for verdict in findings.verdicts
        if len(verdict.others)
    ]
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        findings=findings,
        table=Markup(tables.html(findings.display)),
        others=others,
        explanation=EXPLANATION,
        figures=[
            (name, figures.CAPTIONS[name.partition("_")[0]], b64encode(image).decode())
            for name, image in images.items()
        ],
        configurations=_configurations(findings),
        commands=[made.command for made in map(of_sweep, findings.sweeps) if made],
        environments=environments(findings.runs),
    )


def _configurations(findings: Findings) -> list[dict[str, object]]:
    """Of every configuration, best first: its name, command and runs."""
    runs = findings.runs
    best_first = findings.table.sort_values("val_mean", ascending=False, kind="stable").index
    rows = dict(list(runs.frame.groupby("configuration")))
    return [
        {
            "label": label(findings.table.loc[c], runs.swept),
            "summary": percent(findings.table.test_mean[c], findings.table.test_std[c]),
            "command": configuration_command([runs.records[i] for i in rows[c].index]),
            "runs": rows[c].to_dict("records"),
        }
        for c in best_first
    ]
