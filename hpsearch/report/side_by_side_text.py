"""Sweeps side by side in words: what changed, in a few sentences.

Long, because all words on one comparison stand together.
"""

from math import isnan
from typing import Any

import pandas as pd

from hpsearch.formatting import count, p_is
from hpsearch.record.frame import SWEEP, Runs
from hpsearch.report import stats
from hpsearch.report.environments import by_sweep
from hpsearch.report.headline import Headline
from hpsearch.report.short_names import short_name
from hpsearch.report.side_by_side import Change, SideBySide
from hpsearch.report.verdict import EQUAL, HIGHER, LOWER, TIE, UNTESTABLE, winner_of

NAMED = 3  # configurations in a sentence


def paragraphs(found: SideBySide, runs: Runs, table: pd.DataFrame) -> list[str]:
    """What has changed: the numbers, the winners, the environment, the configurations."""
    several = found.rows.data_set.nunique() > 1
    said = [_change(change, found, runs, f" on {change.data_set}" * several) for change in found.changes]
    said += [_winners(found, runs, its, f" on {name}" * several) for name, its in table.groupby("data_set", sort=False)]
    return [line for line in [*said, *_environments(found, runs), *_alone(found)] if line]


def headlines(found: SideBySide, runs: Runs) -> list[Headline]:
    """A headline for each change: the difference over all configurations, or that there is none."""
    measure, first, made = runs.measure, found.sweeps[0], []
    several = found.rows.data_set.nunique() > 1
    for change in found.changes:
        on = f" on {change.data_set}" * several
        name, one = f"{change.sweep} minus {first}{on}", change.over_all
        if not change.runs:
            continue
        if change.equal == change.runs or one is None:
            value = f"{change.equal:,} of {change.runs:,}"
            made.append(Headline(value, "common runs are equal bit for bit", f"{change.sweep} and {first}{on}"))
        else:
            about = f"test {measure.title}{measure.hint}, {_over(change)} and {count(one.n, 'seed')}: {_word(one)}"
            made.append(Headline(measure.difference(one.difference, one.beside) + measure.points, about, name))
    return made


def _over(change: Change) -> str:
    return f"mean over {count(change.finished, 'common configuration')}"


def _word(one: "pd.Series[Any]") -> str:
    words = {EQUAL: "equal within the margin", TIE: "undecided", UNTESTABLE: "too few seeds"}
    return words.get(one.result, "a significant change") + (f", {p_is(one.p)}" if one.result != UNTESTABLE else "")


def _change(change: Change, found: SideBySide, runs: Runs, on: str) -> str:
    first, sweep, measure = found.sweeps[0], change.sweep, runs.measure
    if not change.runs:
        return f"{sweep} and {first} have no common run with a result{on}."
    if change.equal == change.runs:
        return (
            f"{sweep} repeats {first} bit for bit{on}: {_all(change.runs)} has the same losses and metrics, in every "
            "epoch and on test."
        )
    equal = f"{change.equal:,} of {change.runs:,} common runs {'is' if change.equal == 1 else 'are'}"
    if not change.equal:
        equal = f"none of {change.runs:,} common runs is" if change.runs > 1 else "the common run is not"
    ends = f"; {change.ends:,} ended in another way" if change.ends else ""
    said = f"{sweep} and {first}{on}: {equal} equal bit for bit{ends}."
    if change.tests == change.runs:
        return f"{said} On test all have the same {measure.title}."
    return " ".join([said, *_overall(change, found, runs), *_one_by_one(change, runs)])


def _all(n: int) -> str:
    return "the common run" if n == 1 else f"each of the {n:,} common runs"


def _overall(change: Change, found: SideBySide, runs: Runs) -> list[str]:
    """The difference over all configurations, and the evidence for it."""
    one, measure = change.over_all, runs.measure
    if one is None:
        return []
    over = f"Over the {change.finished:,} common configurations test" if change.finished > 1 else "Test"
    interval = "" if isnan(one.low) else f" [95 % interval {measure.interval(one.low, one.high, one.beside)}]"
    lead = f"{measure.distance(one.difference, one.beside)} {'above' if one.difference >= 0 else 'below'}"
    said = f"{over} {measure.title} of {change.sweep}{measure.hint} is {lead}{interval}."
    test = f"exact test over {count(one.n, 'paired seed')}, {p_is(one.p_holm)}"
    if one.result == EQUAL:
        margin = measure.distance(found.margin or 0.0, found.margin or 0.0)
        return [said, f"The two are equal within {margin}: two one-sided t-tests, {p_is(one.p_equal)}."]
    if one.result == UNTESTABLE:
        least = stats.least_seeds(sum(each.over_all is not None for each in found.changes))
        return [said, f"With {count(one.n, 'seed')} no exact test can reach p = 0.05: it needs {least}."]
    if one.result == TIE:
        within = measure.distance(one.equal_within, one.beside)
        return [said, f"Which is higher is undecided: {test}; they are equal within {within}."]
    return [said, f"The change is significant: {test}."]


def _one_by_one(change: Change, runs: Runs) -> list[str]:
    """The counts of the tests of each configuration."""
    pairs = change.pairs
    if len(pairs) < 2 or (pairs.result == UNTESTABLE).all():
        return []
    real = pairs[pairs.result.isin([LOWER, HIGHER])]
    words = {
        "higher": (real.difference > 0).sum(),
        "lower": (real.difference < 0).sum(),
        "equal": (pairs.result == EQUAL).sum(),
        "undecided": (pairs.result == TIE).sum(),
        "untestable": (pairs.result == UNTESTABLE).sum(),
    }
    counted = ", ".join(f"{n:,} {word}" for word, n in words.items() if n)
    return [f"One by one, exact tests with Holm's correction call {counted}."]


def _winners(found: SideBySide, runs: Runs, table: pd.DataFrame, on: str) -> str:
    """The configuration that each sweep chooses on validation."""
    if (found.rows.data_set == table.data_set.iloc[0]).sum() < 2:
        return ""
    chosen: dict[str, list[str]] = {}
    for sweep in found.sweeps:
        its = table[table[SWEEP] == sweep]
        winner = winner_of(its)
        if winner is not None:
            chosen.setdefault(short_name(its.loc[winner], found.keys) or "the configuration", []).append(sweep)
    if not chosen or sum(map(len, chosen.values())) < 2:
        return ""
    if len(chosen) == 1:
        return f"On validation {'both' if len(found.sweeps) == 2 else 'all'} choose {next(iter(chosen))}{on}."
    said = [f"{listed(who)} {'choose' if len(who) > 1 else 'chooses'} {name}" for name, who in chosen.items()]
    return f"On validation{on}, {'; '.join(said)}."


def listed(words: list[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _environments(found: SideBySide, runs: Runs) -> list[str]:
    """A sentence for each later sweep."""
    (first, *later), lines, said = found.sweeps, by_sweep(runs), []
    for i, sweep in enumerate(later, start=1):
        changed = [f"{name} {its[0]} → {its[i]}" for name, its in lines.items() if its[i] != its[0]]
        if changed:
            said.append(f"Changed from {first} to {sweep}: {'; '.join(changed)}.")
        else:
            said.append(f"{first} and {sweep} have the same versions, commit, device, threads, data and code.")
    return said


def _alone(found: SideBySide) -> list[str]:
    """A sentence for each sweep with configurations that no other has."""
    said, sweeps = [], found.configurations
    for sweep in found.sweeps:
        alone = found.rows[sweeps[sweep].notna() & (sweeps.notna().sum(axis=1) == 1)]
        if len(alone):
            names = [short_name(row, found.keys) for _, row in alone.head(NAMED).iterrows()]
            more = f" and {len(alone) - NAMED:,} more" if len(alone) > NAMED else ""
            said.append(f"Only in {sweep}: {count(len(alone), 'configuration')} ({'; '.join(names)}{more}).")
    return said
