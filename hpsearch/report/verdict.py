"""The verdict: the best configuration, its lead, and a test of the lead.

The metric on validation selects the best. The metric on test judges its lead, because it has no part in the selection.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import pandas as pd

from hpsearch.record.frame import Runs
from hpsearch.report import equivalence, stats
from hpsearch.report.bounds import Bounds
from hpsearch.report.summary_table import best_first, is_numeric
from hpsearch.report.superiority import superiority

LOWER, HIGHER, TIE, UNTESTABLE = "lower", "higher", "tie", "not testable"  # on test, compared with the winner's value
EQUAL = "equal"  # within the margin that was asked for
NEAR = 0.02  # of the range of a search: a value so near to its end counts as the end


@dataclass(frozen=True)
class Verdict:
    """The verdict on one data set; numbers on different data sets are not compared.

    table: its rows of `summary_table.summarise`. winner: the best configuration; None if no run has finished, or if
    there are several without a number on validation.
    others: a row per other configuration, best validation first; columns val_mean, test_mean, the fields of
    `stats.Comparison` (winner minus other), p_holm, result; seeds: the number that would resolve the difference, or
    None; wins, wins_low, wins_high: the share of seeds on which the winner is better, of `superiority`; equal_within:
    the smallest margin of equivalence; p_equal: of the margin that was asked for.
    margin: the difference that does not matter, if one was asked for; a fraction for a metric in percent.
    """

    table: pd.DataFrame
    winner: int | None
    others: pd.DataFrame
    margin: float | None = None

    @property
    def ties(self) -> set[int]:
        """The configurations that were tested and do not differ significantly from the winner."""
        if not len(self.others):
            return set()
        alike = self.others.result.isin([TIE, EQUAL]) & ~(self.others.p_holm <= stats.LEVEL)
        return set(self.others.index[alike])


def judge(runs: Runs, table: pd.DataFrame, margin: float | None = None) -> list[Verdict]:
    """A verdict for each data set. table: `summary_table.summarise` of the runs."""
    return [_judge(runs, rows, margin) for _, rows in table.groupby("data_set", sort=False)]


def _judge(runs: Runs, table: pd.DataFrame, margin: float | None) -> Verdict:
    """A configuration with a diverged or failed seed wins only if every configuration has one."""
    ranked = best_first(table[table.finished > 0])
    if ranked.empty or (len(ranked) > 1 and ranked.score.isna().all()):
        return Verdict(table, None, ranked.iloc[:0], margin)
    sound = ranked[ranked.diverged + ranked.failed == 0]
    winner = int((ranked if sound.empty else sound).index[0])
    return Verdict(table, winner, _compare(runs, ranked.drop(winner), winner, margin), margin)


def _compare(runs: Runs, ranked: pd.DataFrame, winner: int, margin: float | None) -> pd.DataFrame:
    values = {c: dict(zip(group.seed, group[runs.measure.test], strict=True)) for c, group in runs.finished}
    made = [stats.compare(values[winner], values[c]) for c in ranked.index]
    won = [superiority(values[winner], values[c], runs.measure.sign) for c in ranked.index]
    others = pd.DataFrame([vars(comparison) for comparison in made], index=ranked.index)
    others = ranked[["val_mean", "test_mean"]].join(others)
    if others.empty:
        return others
    others["p_holm"] = stats.holm([comparison.p for comparison in made])
    tests = int(others.p.notna().sum())
    testable = others.p.notna() & (tests * others.least_p <= stats.LEVEL)
    others["result"] = TIE
    real = others.p_holm <= stats.LEVEL
    others.loc[real & (others.difference > 0), "result"] = LOWER
    others.loc[real & (others.difference < 0), "result"] = HIGHER
    others.loc[~testable, "result"] = UNTESTABLE
    others["equal_within"] = equivalence.smallest_margins(made)
    others["p_equal"] = equivalence.p_values(made, margin) if margin is not None else float("nan")
    others.loc[others.p_equal <= stats.LEVEL, "result"] = EQUAL
    for name in ("share", "low", "high"):
        others[f"wins_{name}"] = [getattr(one, name) for one in won]
    others = others.rename(columns={"wins_share": "wins"})
    resolved = others.result.isin([LOWER, HIGHER, EQUAL])
    others["seeds"] = [
        None if done else stats.seeds_needed(effect, len(others))
        for effect, done in zip(others.effect, resolved, strict=True)
    ]
    return others


def edges(table: pd.DataFrame, swept: list[str], winner: int, bounds: Mapping[str, Bounds]) -> list[tuple[str, str]]:
    """(key, words) for each numeric key whose winning value ends its range: of the search's space where it is known,
    else of the values tried together with the winner's other choices, whatever became of their runs.

    Zero does not count, because it is the natural end of a probability or a decay.
    """
    numeric = [key for key in swept if is_numeric(table, key)]
    best, alike = table.loc[winner], table
    for key in set(swept) - set(numeric):
        alike = alike[alike[key] == best[key]]
    found = []
    for key in numeric:
        value, values = best[key], alike[key].dropna()
        if pd.isna(value) or value == 0:
            continue
        if within := bounds.get(key):
            if end := _end_of(float(value), within):
                found.append((key, f"is at the {end} of its space"))
        elif values.min() < values.max() and value in (values.min(), values.max()):
            found.append((key, f"is the {'smallest' if value == values.min() else 'largest'} value tried"))
    return found


def _end_of(value: float, within: Bounds) -> str:
    """The words for the end of a range that a value lies at, or nothing."""
    low, high = within.low, within.high
    if within.log:
        value, low, high = log(value), log(low), log(high)
    share = (value - low) / (high - low)
    return "lower end" if share <= NEAR else "upper end" if share >= 1 - NEAR else ""
