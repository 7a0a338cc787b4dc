"""Short names of configurations for sentences: no group before a key that is clear without it, only what differs."""

from collections import Counter
from typing import Any

import pandas as pd

from hpsearch.report.summary_table import text

LONGEST = 60  # characters of a name in a sentence
MOST = 4  # keys of a name in a sentence


def short_keys(swept: list[str]) -> dict[str, str]:
    """optimizer.weight_decay -> weight_decay, unless another key ends alike; a letter, of dropout.p, is no name."""
    ends = Counter(key.rpartition(".")[2] for key in swept)
    clear = {end for end, times in ends.items() if times == 1 and len(end) > 2}
    return {key: end if (end := key.rpartition(".")[2]) in clear else key for key in swept}


def short_name(row: "pd.Series[Any]", swept: list[str], beside: "pd.Series[Any] | None" = None) -> str:
    """A configuration in few words: lr=0.01 weight_decay=0.1. beside: another one; only what differs is named."""
    names = short_keys(swept)
    keys = [key for key in swept if not pd.isna(row[key]) and (beside is None or not _same(row[key], beside[key]))]
    return " ".join(f"{names[key]}={text(row[key])}" for key in keys)


def fits(name: str) -> bool:
    """True if a name has room in a sentence."""
    return 0 < len(name) <= LONGEST and len(name.split()) <= MOST


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or bool(pd.isna(one) and pd.isna(other))
