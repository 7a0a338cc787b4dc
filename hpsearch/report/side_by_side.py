"""Sweeps that repeat one another: each later one against the first, configuration by configuration, paired by seed.

The question is if another version, machine or code has changed the numbers. So runs are compared bit for bit first, and
where they differ, by the same tests as in a verdict. Over all configurations together, a seed's difference is the mean
over them, because the configurations of one seed are not independent.

Long, because runs, configurations and sweeps are matched in one place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hpsearch.record.frame import SWEEP, Runs
from hpsearch.record.shape import Record
from hpsearch.report import stats
from hpsearch.report.summary_table import best_first
from hpsearch.report.verdict import judged

Values = dict[int, float]  # by seed
Pair = tuple[Values, Values]  # of the later sweep and of the first


@dataclass(frozen=True)
class Change:
    """A later sweep against the first, on one data set.

    finished: the number of configurations that have finished in both on a common seed.
    pairs: a row for each of them whose metric on test differs in some seed, by its row in `SideBySide.rows`: the
    columns of `verdict.judged` (later minus first) and beside, the first's mean. The others are not tested; the tests
    stay exact, because flipping signs keeps the sizes. over_all: the same over all that have finished; None without a
    difference, or without a seed that all have.
    equal_runs: by row, how many runs are equal bit for bit, and how many both have. tests: the number of those whose
    metric on test is equal. ends: of those that have ended in another way, such as pruned and finished.
    """

    sweep: str
    data_set: str
    finished: int
    pairs: pd.DataFrame
    over_all: "pd.Series[Any] | None"
    equal_runs: dict[int, tuple[int, int]]
    tests: int
    ends: int

    @property
    def runs(self) -> int:
        """The number of runs that both have."""
        return sum(common for _, common in self.equal_runs.values())

    @property
    def equal(self) -> int:
        """The number of these that are equal bit for bit."""
        return sum(equal for equal, _ in self.equal_runs.values())


@dataclass(frozen=True)
class SideBySide:
    """sweeps: their names; later ones are compared with the first. keys: the swept keys but for the sweep.
    rows: a row per configuration, the best of the first sweep on validation first: the keys and data_set.
    configurations: in the same rows a column for each sweep: the index in the report's table, NA if it is not there.
    changes: of each later sweep and data set. margin: the difference that does not matter, if one was asked for."""

    sweeps: list[str]
    keys: list[str]
    rows: pd.DataFrame
    configurations: pd.DataFrame
    changes: list[Change]
    margin: float | None


def side_by_side(runs: Runs, table: pd.DataFrame, margin: float | None = None) -> SideBySide:
    """Compare the sweeps. table: `summary_table.summarise` of runs that were kept apart."""
    keys = [key for key in runs.swept if key != SWEEP]
    rows, configurations = _rows(table, keys, runs.sweeps)
    values = {c: dict(zip(group.seed, group[runs.measure.test], strict=True)) for c, group in runs.finished}
    records = {
        c: {record["config"]["seed"]: record for record in runs.records_of(c) if record["status"] != "failed"}
        for c in table.index
    }
    first, *later = runs.sweeps
    asked = [
        (sweep, str(name), configurations.loc[its.index, [first, sweep]].dropna())
        for sweep in later
        for name, its in rows.groupby("data_set", sort=False)
    ]
    done = [_pairs(its, values) for _, _, its in asked]
    made = [{i: pair for i, pair in pairs.items() if _differ(pair)} for pairs in done]
    together = [pair if (pair := _together(pairs)) and _differ(pair) else None for pairs in done]
    one_by_one = _judged([one for pairs in made for one in pairs.values()], margin)
    over_all = _judged([one for one in together if one is not None], margin)
    changes, row, place = [], 0, 0
    for (sweep, name, its), all_done, pairs, one in zip(asked, done, made, together, strict=True):
        both = {
            int(i): [(records[a][seed], records[b][seed]) for seed in sorted(records[a].keys() & records[b].keys())]
            for i, a, b in its.itertuples()
        }
        equal = {i: (sum(_equal(*each) for each in its), len(its)) for i, its in both.items()}
        test = runs.measure.test
        tests = sum(a["metrics"][test] == b["metrics"][test] for its in both.values() for a, b in its)
        ends = sum(a["status"] != b["status"] for its in both.values() for a, b in its)
        rows_of = one_by_one.iloc[row : row + len(pairs)].set_axis(list(pairs))
        at_once = None if one is None else over_all.iloc[place]
        changes.append(Change(sweep, name, len(all_done), rows_of, at_once, equal, tests, ends))
        row, place = row + len(pairs), place + (one is not None)
    return SideBySide(runs.sweeps, keys, rows, configurations, changes, margin)


def _judged(pairs: list[Pair], margin: float | None) -> pd.DataFrame:
    found = judged([stats.compare(later, first) for later, first in pairs], margin)
    return found.assign(beside=[float(np.mean([*first.values()])) for _, first in pairs])


def _rows(table: pd.DataFrame, keys: list[str], sweeps: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`SideBySide.rows` and `SideBySide.configurations`: what is equal but for the sweep is in one row."""
    found: dict[tuple[Any, ...], dict[str, int]] = {}
    place = {sweep: i for i, sweep in enumerate(sweeps)}
    ordered = best_first(table)
    for c, row in ordered.iloc[np.argsort([place[sweep] for sweep in ordered[SWEEP]], kind="stable")].iterrows():
        names = tuple(None if pd.isna(row[key]) else row[key] for key in (*keys, "data_set"))
        found.setdefault(names, {})[row[SWEEP]] = c
    rows = table.loc[[next(iter(alike.values())) for alike in found.values()], [*dict.fromkeys([*keys, "data_set"])]]
    configurations = pd.DataFrame([*found.values()], columns=list(sweeps), dtype="Int64")
    return rows.reset_index(drop=True), configurations


def _pairs(configurations: pd.DataFrame, values: dict[int, Values]) -> dict[int, Pair]:
    """The values of the later and of the first sweep, by row, where both have finished on a common seed."""
    of = {int(i): (values.get(later, {}), values.get(first, {})) for i, first, later in configurations.itertuples()}
    return {i: (later, first) for i, (later, first) in of.items() if later.keys() & first.keys()}


def _together(pairs: dict[int, Pair]) -> Pair | None:
    """The means over all configurations, by the seeds that all of them have in both sweeps."""
    common = sorted(set.intersection(*(set(one) & set(other) for one, other in pairs.values()))) if pairs else []
    if not common:
        return None
    later, first = ({seed: float(np.mean([of[i][seed] for of in pairs.values()])) for seed in common} for i in (0, 1))
    return later, first


def _differ(pair: Pair) -> bool:
    """True if a common seed has other values."""
    later, first = pair
    return any(later[seed] != first[seed] for seed in later.keys() & first.keys())


def _equal(one: Record, other: Record) -> bool:
    """True if two runs have the same end, and the same losses and metrics in every epoch and on test."""
    return all(one[part] == other[part] for part in ("status", "epoch", "metrics", "history", "test_batches"))
