"""The verdict: the best configuration, its lead, and a test of the lead.

The metric on validation selects the best. The metric on test judges its lead, because it has no part in the selection.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd

from hpsearch.record.frame import Runs
from hpsearch.record.swept import configuration_of
from hpsearch.report import equivalence, sequential, stats
from hpsearch.report.looks import History, Look, history
from hpsearch.report.summary_table import best_first
from hpsearch.report.superiority import superiority

LOWER, HIGHER, TIE, UNTESTABLE = "lower", "higher", "tie", "not testable"  # on test, compared with the winner's value
EQUAL = "equal"  # within the margin that was asked for


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
    looks: at the data set, with this one. After the first, p is that of a test that may be repeated.
    """

    table: pd.DataFrame
    winner: int | None
    others: pd.DataFrame
    margin: float | None = None
    looks: History | None = None

    @property
    def ties(self) -> set[int]:
        """The configurations that were tested and do not differ significantly from the winner."""
        if not len(self.others):
            return set()
        alike = self.others.result.isin([TIE, EQUAL]) & ~(self.others.p_holm <= stats.LEVEL)
        return set(self.others.index[alike])

    @property
    def repeated(self) -> bool:
        """True if there was a look at other seeds before."""
        return self.looks is not None and self.looks.number > 1


def judge(
    runs: Runs, table: pd.DataFrame, margin: float | None = None, looks: Mapping[str, Sequence[Look]] | None = None
) -> list[Verdict]:
    """A verdict for each data set. table: `summary_table.summarise` of the runs. looks: the earlier ones, by data set,
    if they are counted."""
    return [
        _judge(runs, rows, margin, None if looks is None else looks.get(str(name), []))
        for name, rows in table.groupby("data_set", sort=False)
    ]


def winner_of(table: pd.DataFrame) -> int | None:
    """The winner among the configurations of a data set; None if no run has finished, or if there are several without
    a number on validation. One with a diverged or failed seed wins only if every configuration has one."""
    ranked = best_first(table[table.finished > 0])
    if ranked.empty or (len(ranked) > 1 and ranked.score.isna().all()):
        return None
    sound = ranked[ranked.diverged + ranked.failed == 0]
    return int((ranked if sound.empty else sound).index[0])


def winner_key(runs: Runs, winner: int) -> str:
    """A key of a configuration that stays the same when runs are added."""
    return hashlib.sha256(configuration_of(runs.records_of(winner)[0]).encode()).hexdigest()


def seeds_of(runs: Runs, table: pd.DataFrame) -> list[int]:
    """The seeds of the finished runs of some configurations."""
    frame = runs.frame
    return [int(seed) for seed in frame.seed[(frame.status == "finished") & frame.configuration.isin(table.index)]]


def _judge(runs: Runs, table: pd.DataFrame, margin: float | None, looks: Sequence[Look] | None) -> Verdict:
    ranked, winner = best_first(table[table.finished > 0]), winner_of(table)
    if winner is None:
        return Verdict(table, None, ranked.iloc[:0], margin)
    so_far = None if looks is None else history(looks, seeds_of(runs, table), winner_key(runs, winner))
    return Verdict(table, winner, _compare(runs, ranked.drop(winner), winner, margin, so_far), margin, so_far)


def _again(one: stats.Comparison, a: dict[int, float], b: dict[int, float], so_far: History) -> stats.Comparison:
    """A comparison with a p-value that holds although there was a look before. Each other winner was a hypothesis of
    its own. Without pairs, look k spends 1 / (k (k + 1)) of the level (their sum is 1)."""
    if one.paired:
        differences = np.array([a[seed] - b[seed] for seed in so_far.order if seed in a and seed in b])
        p, least, times = sequential.p_value(differences), sequential.least_p(one.n), so_far.winners
    else:
        p, least, times = one.p, one.least_p, so_far.number * (so_far.number + 1)
    testable = times * least <= stats.LEVEL
    return replace(one, p=min(1.0, times * p) if testable else float("nan"), least_p=min(1.0, times * least))


def judged(made: Sequence[stats.Comparison], margin: float | None, spent: int = 1) -> pd.DataFrame:
    """A row per comparison: its fields, p_holm, result, equal_within, p_equal. spent: 1 / the share of the level that
    is left for p_equal."""
    found = pd.DataFrame([vars(one) for one in made], columns=[field.name for field in fields(stats.Comparison)])
    found["p_holm"] = stats.holm([one.p for one in made])
    tests = int(found.p.notna().sum())
    testable = found.p.notna() & (tests * found.least_p <= stats.LEVEL)
    found["result"] = TIE
    real = found.p_holm <= stats.LEVEL
    found.loc[real & (found.difference > 0), "result"] = LOWER
    found.loc[real & (found.difference < 0), "result"] = HIGHER
    found.loc[~testable, "result"] = UNTESTABLE
    found["equal_within"] = equivalence.smallest_margins(made)
    found["p_equal"] = equivalence.p_values(made, margin) if margin is not None else float("nan")
    found["p_equal"] = (spent * found.p_equal).clip(upper=1)
    found.loc[found.p_equal <= stats.LEVEL, "result"] = EQUAL
    return found


def _compare(
    runs: Runs, ranked: pd.DataFrame, winner: int, margin: float | None, so_far: History | None
) -> pd.DataFrame:
    values = {c: dict(zip(group.seed, group[runs.measure.test], strict=True)) for c, group in runs.finished}
    made = [stats.compare(values[winner], values[c]) for c in ranked.index]
    spent = 1
    if so_far is not None and so_far.number > 1:
        made = [_again(one, values[winner], values[c], so_far) for one, c in zip(made, ranked.index, strict=True)]
        spent = so_far.number * (so_far.number + 1)
    won = [superiority(values[winner], values[c], runs.measure.sign) for c in ranked.index]
    others = ranked[["val_mean", "test_mean"]].join(judged(made, margin, spent).set_index(ranked.index))
    if others.empty:
        return others
    for name in ("share", "low", "high"):
        others[f"wins_{name}"] = [getattr(one, name) for one in won]
    others = others.rename(columns={"wins_share": "wins"})
    resolved = others.result.isin([LOWER, HIGHER, EQUAL])
    others["seeds"] = [
        None if done else stats.seeds_needed(effect, len(others))
        for effect, done in zip(others.effect, resolved, strict=True)
    ]
    return others
