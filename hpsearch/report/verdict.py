"""The verdict: the best configuration, its lead, and a test of the lead.

The metric on validation selects the best. The metric on test judges its lead, because it has no part in the selection.
"""

from dataclasses import dataclass

import pandas as pd

from hpsearch.record.frame import Runs
from hpsearch.report import stats
from hpsearch.report.summary_table import best_first, is_numeric

LOWER, HIGHER, TIE, UNTESTABLE = "lower", "higher", "tie", "not testable"  # on test, compared with the winner's value


@dataclass(frozen=True)
class Verdict:
    """The verdict on one data set; numbers on different data sets are not compared.

    table: its rows of `summary_table.summarise`. winner: the best configuration; None if no run has finished, or if
    there are several without a number on validation.
    others: a row per other configuration, best validation first; columns val_mean, test_mean, the fields of
    `stats.Comparison` (winner minus other), p_holm, result, and seeds: the number that would resolve the difference,
    or None.
    """

    table: pd.DataFrame
    winner: int | None
    others: pd.DataFrame

    @property
    def ties(self) -> set[int]:
        """The configurations that were tested and do not differ significantly from the winner."""
        return set(self.others.index[self.others.result == TIE]) if len(self.others) else set()


def judge(runs: Runs, table: pd.DataFrame) -> list[Verdict]:
    """A verdict for each data set. table: `summary_table.summarise` of the runs."""
    return [_judge(runs, rows) for _, rows in table.groupby("data_set", sort=False)]


def _judge(runs: Runs, table: pd.DataFrame) -> Verdict:
    """A configuration with a diverged or failed seed wins only if every configuration has one."""
    ranked = best_first(table[table.finished > 0])
    if ranked.empty or (len(ranked) > 1 and ranked.score.isna().all()):
        return Verdict(table, None, ranked.iloc[:0])
    sound = ranked[ranked.diverged + ranked.failed == 0]
    winner = int((ranked if sound.empty else sound).index[0])
    return Verdict(table, winner, _compare(runs, ranked.drop(winner), winner))


def _compare(runs: Runs, ranked: pd.DataFrame, winner: int) -> pd.DataFrame:
    values = {c: dict(zip(group.seed, group[runs.measure.test], strict=True)) for c, group in runs.finished}
    made = [stats.compare(values[winner], values[c]) for c in ranked.index]
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
    resolved = others.result.isin([LOWER, HIGHER])
    others["seeds"] = [
        None if done else stats.seeds_needed(effect, len(others))
        for effect, done in zip(others.effect, resolved, strict=True)
    ]
    return others


def edges(table: pd.DataFrame, swept: list[str], winner: int) -> list[tuple[str, str]]:
    """(key, "smallest" or "largest") for each numeric key whose winning value ends the range tried.

    The range is that of the configurations with the winner's other choices. Zero does not count, because it is the
    natural end of a probability or a decay.
    """
    numeric = [key for key in swept if is_numeric(table, key)]
    best, alike = table.loc[winner], table
    for key in set(swept) - set(numeric):
        alike = alike[alike[key] == best[key]]
    found = []
    for key in numeric:
        values = alike[key].dropna()
        low, high = values.min(), values.max()
        if low < high and best[key] in (low, high) and best[key] != 0:
            found.append((key, "smallest" if best[key] == low else "largest"))
    return found
