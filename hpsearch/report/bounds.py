"""The range of each number that a search chose, as its command and its files name it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hpsearch.record.multirun import is_searched, read_multirun

NUMBER = r"\s*([-+]?[\d.]+(?:e[-+]?\d+)?)\s*"
INTERVAL = re.compile(rf"(tag\(\s*log\s*,\s*)?(?:interval|uniform)\({NUMBER},{NUMBER}\)", re.IGNORECASE)


@dataclass(frozen=True)
class Bounds:
    """log: True if the search is on a logarithmic scale."""

    low: float
    high: float
    log: bool


def bounds(sweeps: Sequence[Path]) -> dict[str, Bounds | None]:
    """The range of each key, by its name on the command line, which wins over the file; None if it depends on a choice.

    Without the keys of a grid, of a sweep without ``multirun.yaml``, and those whose range differs between the sweeps:
    for these only the values tried are known.
    """
    found: dict[str, set[Bounds | None]] = {}
    for sweep in sweeps:
        for key, its in _of_sweep(sweep).items():
            found.setdefault(key, set()).add(its)
    return {key: its for key, (its, *others) in ((k, [*v]) for k, v in found.items()) if not others}


def _of_sweep(sweep: Path) -> dict[str, Bounds | None]:
    cfg = read_multirun(sweep)
    if cfg is None or not is_searched(cfg):
        return {}
    sweeper = cfg["hydra"]["sweeper"]
    typed = dict(line.lstrip("+").split("=", 1) for line in cfg["hydra"]["overrides"]["task"] if "=" in line)
    texts = {**(sweeper.get("params") or {}), **typed}
    found = {key: _parse(text) for key, text in texts.items() if isinstance(text, str)}
    conditions = sweeper.get("when")
    choices = conditions.values() if isinstance(conditions, dict) else ()
    dependent = {key for choice in choices if isinstance(choice, dict) for key in choice}
    return {key: its for key, its in found.items() if its} | dict.fromkeys(dependent)


def _parse(text: str) -> Bounds | None:
    """The range that a text names: interval(0.0,0.5), tag(log,interval(0.001,0.1))."""
    if not (match := INTERVAL.match(text.strip())):
        return None
    try:
        low, high = float(match[2]), float(match[3])
    except ValueError:  # 1.2.3
        return None
    log = match[1] is not None
    return Bounds(low, high, log) if low < high and (low > 0 or not log) else None
