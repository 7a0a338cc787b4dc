"""Short names of configurations: no group before a key that is clear without it."""

from collections import Counter
from collections.abc import Callable
from textwrap import fill
from typing import Any

import pandas as pd

from hpsearch.report.summary_table import label, text

LONGEST = 60  # characters of a name in a sentence or a figure
LINE = 110  # characters of a line of a legend
MOST = 4  # keys of a name in a sentence


def short_keys(swept: list[str]) -> dict[str, str]:
    """optimizer.weight_decay -> weight_decay, unless another key ends alike; a letter, of dropout.p, is no name."""
    ends = Counter(key.rpartition(".")[2] for key in swept)
    clear = {end for end, times in ends.items() if times == 1 and len(end) > 2}
    return {key: end if (end := key.rpartition(".")[2]) in clear else key for key in swept}


def short_name(
    row: "pd.Series[Any]",
    swept: list[str],
    beside: "pd.Series[Any] | None" = None,
    written: Callable[[Any], str] = text,
) -> str:
    """A configuration in few words: lr=0.01 weight_decay=0.1. beside: another one; only what differs is named.
    written: the text of a value."""
    names = short_keys(swept)
    keys = [key for key in swept if not pd.isna(row[key]) and (beside is None or not _same(row[key], beside[key]))]
    return " ".join(f"{names[key]}={written(row[key])}" for key in keys)


def rounded_name(row: "pd.Series[Any]", swept: list[str]) -> str:
    """The short name with three significant digits, for a figure or the page."""
    return short_name(row, swept, written=lambda value: f"{value:.3g}" if isinstance(value, float) else text(value))


def figure_name(row: "pd.Series[Any]", swept: list[str]) -> str:
    """The label; if that is too wide for a figure, the rounded name, cut to fit."""
    full = label(row, swept)
    name = full if len(full) <= LONGEST else rounded_name(row, swept)
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def legend_name(row: "pd.Series[Any]", swept: list[str]) -> str:
    """The label, or the rounded name where that is long, in lines as wide as a page."""
    full = label(row, swept)
    return fill(full if len(full) <= LONGEST else rounded_name(row, swept), LINE, max_lines=4, placeholder=" …")


def fits(name: str) -> bool:
    """True if a name has room in a sentence."""
    return 0 < len(name) <= LONGEST and len(name.split()) <= MOST


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or bool(pd.isna(one) and pd.isna(other))
