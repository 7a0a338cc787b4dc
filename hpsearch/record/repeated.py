"""Sweeps that repeat one another: the same configurations on the same seeds, with other code, versions or devices."""

from collections.abc import Mapping, Sequence, Set
from itertools import combinations
from pathlib import Path
from typing import Any

from hpsearch.record.data_set import path_of
from hpsearch.record.shape import Record

Run = tuple[str, int]  # a configuration and a seed


def labels(sweeps: Sequence[Path]) -> dict[Path, str]:
    """A name for each folder: its own, or if two are alike, the parts of the paths in which they differ."""
    names = {sweep: sweep.name for sweep in sweeps}
    if len(set(names.values())) == len(names):
        return names
    parts = [sweep.parts for sweep in sweeps]
    first = _alike(parts)
    rest = [each[first:] for each in parts]
    last = _alike([each[::-1] for each in rest])
    short = ["/".join(each[: len(each) - last]) for each in rest]
    return dict(zip(sweeps, short if all(short) else map(str, sweeps), strict=True))


def _alike(parts: Sequence[Sequence[str]]) -> int:
    """The number of parts with which all begin."""
    return next((i for i, each in enumerate(zip(*parts, strict=False)) if len(set(each)) > 1), min(map(len, parts)))


def comparable(record: Record, files: dict[str, str]) -> Record:
    """A record whose configuration leaves out what a repetition may change: the marks of the user's code, and the
    content of a file. files: the first fingerprint of each path, which stands for the later ones."""
    config: dict[str, Any] = {key: value for key, value in record["config"].items() if key != "code"}
    if path := path_of(record):
        data = config["data"]
        config["data"] = data | {"fingerprint": files.setdefault(path, data["fingerprint"])}
    return record | {"config": config}


def repeat(runs: Mapping[str, Set[Run]]) -> bool:
    """True if two sweeps share more than half of the runs of the smaller one. A few that two grids have in common, such
    as a baseline, do not make one a repetition of the other. runs: by sweep."""
    pairs = combinations([its for its in runs.values() if its], 2)
    return any(2 * len(one & other) > min(len(one), len(other)) for one, other in pairs)
