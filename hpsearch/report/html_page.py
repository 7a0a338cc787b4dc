"""Write ``index.html``: one self-contained page. Jinja escapes every name; the page loads nothing."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from hpsearch.formatting import duration
from hpsearch.record.commands import configuration_command
from hpsearch.report import tables
from hpsearch.report.analysis import Findings
from hpsearch.report.environments import environments
from hpsearch.report.figures import captions
from hpsearch.report.section import Section
from hpsearch.report.summary_table import best_first, label
from hpsearch.report.verdict_text import comparisons, explanation

TEMPLATE = Path(__file__).with_name("page.html")


def render(findings: Findings, images: Mapping[str, bytes], sections: Sequence[Section] = ()) -> str:
    """The page of a report. images: the figures as PNG, by file name, those of the sections too."""
    measure = findings.runs.measure
    encoded = {name: b64encode(image).decode() for name, image in images.items()}
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"value": measure.value, "duration": duration}
    others = [
        Markup(comparisons(verdict, findings.runs).to_html(index=False, border=0))
        for verdict in findings.verdicts
        if len(verdict.others)
    ]
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        findings=findings,
        table=Markup(tables.html(findings.display)),
        others=others,
        explanation=explanation(measure),
        figures=[
            (name, captions(measure)[name.partition("_")[0]], image)
            for name, image in encoded.items()
            if name not in {section.name for section in sections}
        ],
        sections=[(section, encoded.get(section.name), section.table_html()) for section in sections],
        configurations=_configurations(findings),
        commands=[origin.command for origin in findings.origins],
        environments=environments(findings.runs),
    )


def _configurations(findings: Findings) -> list[dict[str, object]]:
    """The label, command and runs of each configuration, best first."""
    runs = findings.runs
    rows = dict(list(runs.frame.groupby("configuration")))
    return [
        {
            "label": label(row, runs.swept),
            "summary": runs.measure.value(row.test_mean, row.test_std),
            "command": configuration_command([runs.records[i] for i in rows[c].index]),
            "runs": rows[c].to_dict("records"),
        }
        for c, row in best_first(findings.table).iterrows()
    ]
