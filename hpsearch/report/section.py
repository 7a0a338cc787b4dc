"""A further section of the page, for the reader of a winner's predictions: it needs more than records."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup


@dataclass(frozen=True)
class Section:
    """A title with a text, a figure, a table, or several of them.

    draw: draws the figure, in a process of its own. Any, because matplotlib takes a second to import.
    table: its cells are text or numbers; the index is not shown. wide: True for a figure as wide as the page.
    """

    title: str
    text: str = ""
    draw: Callable[[], Any] | None = None
    table: pd.DataFrame | None = None
    wide: bool = False

    @property
    def name(self) -> str:
        """The name of the figure's files: winner_confusion_matrix."""
        return f"winner_{re.sub(r'[^a-z0-9]+', '_', self.title.lower()).strip('_')}"

    def table_html(self) -> Markup | None:
        """The table for the page, its cells escaped."""
        return None if self.table is None else Markup(self.table.to_html(index=False, border=0))
