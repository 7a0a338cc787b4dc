"""The judgement: which configuration is best, by how much, and is the difference real?

Chosen by validation accuracy; judged by the differences in test accuracy, which has no say in the choice.
"""

from dataclasses import dataclass

import pandas as pd

from hpsearch.record.frame import Runs
from hpsearch.report import stats
from hpsearch.report.summary_table import is_numeric

LOWER, HIGHER, TIE, UNTESTABLE = "lower", "higher", "tie", "not testable"  # than the winner's test accuracy


@dataclass(frozen=True)
class Verdict:
    """The judgement of one data set; accuracies on different ones are not compared.

    table: its configurations, as `configurations.summarise` gives them. winner: the best; None where no run has
    finished. others: a row per other configuration, best validation first; columns val_mean, test_mean, the fields
    of `stats.Comparison` (winner minus other), p_holm, result, and seeds: how many would resolve it, or None.
    """

    table: pd.DataFrame
    winner: int | None
    others: pd.DataFrame

    @property
    def ties(self) -> set[int]:
        """The configurations that no test tells from the winner."""
        return set(self.others.index[self.others.result == TIE]) if len(self.others) else set()


def judge(runs: Runs, table: pd.DataFrame) -> list[Verdict]:
    """A verdict for each data set. table: `configurations.summarise` of the runs."""
    return [_judge(runs, part) for _, part in table.groupby("data_set", sort=False)]


def _judge(runs: Runs, table: pd.DataFrame) -> Verdict:
    """A configuration that diverged or failed on a seed is chosen only where every one did."""
    ranked = table[table.finished > 0].sort_values("val_mean", ascending=False, kind="stable")
    if ranked.empty:
        return Verdict(table, None, ranked)
    sound = ranked[ranked.diverged + ranked.failed == 0]
    winner = int((ranked if sound.empty else sound).index[0])
    return Verdict(table, winner, _compare(runs, ranked.drop(winner), winner))


def _compare(runs: Runs, ranked: pd.DataFrame, winner: int) -> pd.DataFrame:
    done = runs.frame[runs.frame.status == "finished"].groupby("configuration")
    accuracies = {c: dict(zip(group.seed, group.test_accuracy, strict=True)) for c, group in done}
    made = [stats.compare(accuracies[winner], accuracies[c]) for c in ranked.index]
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
    open_ = others.result.isin([TIE, UNTESTABLE])
    others["seeds"] = [
        stats.seeds_needed(effect, len(others)) if unresolved else None
        for effect, unresolved in zip(others.effect, open_, strict=True)
    ]
    return others


def edges(table: pd.DataFrame, swept: list[str], winner: int) -> list[tuple[str, str]]:
    """(key, "smallest" or "largest") where the winner lies at the end of a numeric range, among those that share its
    choices. Zero, the natural end of a probability or a decay, is none."""
    numeric = [key for key in swept if is_numeric(table, key)]
    best = table.loc[winner]
    alike = table
    for key in swept:
        if key not in numeric:
            alike = alike[alike[key] == best[key]]
    found = []
    for key in numeric:
        values = [value for value in alike[key] if value == value]
        if (
            min(values, default=0) < max(values, default=0)
            and best[key] in (min(values), max(values))
            and best[key] != 0
        ):
            found.append((key, "smallest" if best[key] == min(values) else "largest"))
    return found
