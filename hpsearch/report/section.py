"""A further section of the page: it needs more than the table of runs."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Section:
    """A title with a text, a chart, pictures, a table, or several of them.

    draw: draws the figure for a paper. Any, because matplotlib takes a second to import.
    table: its cells are text or numbers; the index is not shown. wide: True for a figure as wide as the page.
    chart: what the page draws; page.js has a function for each ``kind``: heat, dots, lines, intervals.
    pictures: addresses of images, ``data:…``, with the words below each. caption: the words above the table.
    group: the first part of the names of its files. rows: the numbers on the page of the configurations in each row.
    """

    title: str
    text: str = ""
    draw: Callable[[], Any] | None = None
    table: pd.DataFrame | None = None
    wide: bool = False
    chart: dict[str, Any] | None = None
    pictures: list[tuple[str, str]] = field(default_factory=list)
    caption: str = ""
    group: str = "winner"
    rows: list[list[int]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of its files: winner_confusion_matrix."""
        return f"{self.group}_{re.sub(r'[^a-z0-9]+', '_', self.title.lower()).strip('_')}"
