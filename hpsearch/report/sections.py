"""All sections of a page: what stands behind the verdict, and what the winner predicts."""

from hpsearch.report import details, winner_sections
from hpsearch.report.findings import Findings
from hpsearch.report.section import Section


def sections(findings: Findings) -> list[Section]:
    """The sections of a page, in their order."""
    return [*details.sections(findings), *winner_sections.sections(findings)]
