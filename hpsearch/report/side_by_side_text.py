"""Sweeps side by side in words: what changed, in a few sentences; the table; the sections of the page.

Long, because all words on one comparison stand together.
"""

from math import isnan
from typing import Any

import pandas as pd

from hpsearch.formatting import MISSING, SPREADS, count, p_value
from hpsearch.record.frame import SWEEP, Runs
from hpsearch.report import stats
from hpsearch.report.environments import by_sweep
from hpsearch.report.headline import Headline
from hpsearch.report.section import Section
from hpsearch.report.short_names import rounded_name, short_keys, short_name
from hpsearch.report.side_by_side import Change, SideBySide
from hpsearch.report.summary_table import text
from hpsearch.report.tables import Display, spread_of
from hpsearch.report.verdict import EQUAL, HIGHER, LOWER, TIE, UNTESTABLE, winner_of

NAMED = 3  # configurations in a sentence
LONGEST = 30  # rows of a chart


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
    return words.get(one.result, "a real change") + (f", p {_is(one.p)}" if one.result != UNTESTABLE else "")


def _is(p: float) -> str:
    return f"{'' if p < 0.001 else '= '}{p_value(p)}"


def _change(change: Change, found: SideBySide, runs: Runs, on: str) -> str:
    first, sweep, measure = found.sweeps[0], change.sweep, runs.measure
    if not change.runs:
        return f"{sweep} and {first} have no run in common{on}."
    if change.equal == change.runs:
        return (
            f"{sweep} repeats {first} bit for bit{on}: {_all(change.runs)} has the same losses and metrics, in every "
            "epoch and on test."
        )
    equal = f"{change.equal:,} of {change.runs:,} common runs {'is' if change.equal == 1 else 'are'}"
    if not change.equal:
        equal = f"none of {change.runs:,} common runs is" if change.runs > 1 else "the common run is not"
    said = f"{sweep} and {first}{on}: {equal} equal bit for bit."
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
    interval = "" if isnan(one.low) else f" [95 % interval {_range(one, runs)}]"
    lead = f"{measure.distance(one.difference, one.beside)} {'above' if one.difference >= 0 else 'below'}"
    said = f"{over} {measure.title} of {change.sweep}{measure.hint} is {lead}{interval}."
    pairs = count(one.n, "paired seed") if one.paired else "unpaired seeds"
    test = f"exact test over {pairs}, p {_is(one.p_holm)}"
    if one.result == EQUAL:
        margin = measure.distance(found.margin or 0.0, found.margin or 0.0)
        return [said, f"The two are equal within {margin}: two one-sided t-tests, p {_is(one.p_equal)}."]
    if one.result == UNTESTABLE:
        least = stats.least_seeds(sum(each.over_all is not None for each in found.changes))
        return [said, f"{count(one.n, 'seed')} cannot show that this is real: an exact test needs {least}."]
    if one.result == TIE:
        within = measure.distance(one.equal_within, one.beside)
        return [said, f"Which is higher is undecided: {test}; they are equal within {within}."]
    return [said, f"The change is real: {test}."]


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
    if len(found.rows) < 2:
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
    said, sweeps = [], found.rows[found.sweeps]
    for sweep in found.sweeps:
        alone = found.rows[sweeps[sweep].notna() & (sweeps.notna().sum(axis=1) == 1)]
        if len(alone):
            names = [short_name(row, found.keys) for _, row in alone.head(NAMED).iterrows()]
            more = f" and {len(alone) - NAMED:,} more" if len(alone) > NAMED else ""
            said.append(f"Only in {sweep}: {count(len(alone), 'configuration')} ({'; '.join(names)}{more}).")
    return said


def _range(one: "pd.Series[Any]", runs: Runs) -> str:
    low, high = (runs.measure.difference(end, one.beside) for end in (one.low, one.high))
    return f"{low} to {high}"


# the table


def display(found: SideBySide, runs: Runs, table: pd.DataFrame, spread: str, title: str) -> Display:
    """A row per configuration: each sweep's metric on test, and the differences of the later ones from the first."""
    measure, names = runs.measure, short_keys(found.keys)
    several = found.rows.data_set.nunique() > 1 and "data" not in found.keys
    lines, marks, uneven = [], [], table.n.nunique() > 1
    for i, row in found.rows.iterrows():
        line = {names[key]: text(row[key]) for key in found.keys} | ({"data set": row.data_set} if several else {})
        for sweep in found.sweeps:
            line[sweep] = MISSING if pd.isna(row[sweep]) else _cell(table.loc[row[sweep]], runs, spread, uneven)
        further: dict[str, str] = {}
        for sweep in found.sweeps[1:]:
            difference, more = _difference(found, int(i), sweep, runs)
            line |= difference
            further |= more
        lines.append(line | further)
        bold = {sweep: not pd.isna(row[sweep]) and bool(table.best[row[sweep]]) for sweep in found.sweeps}
        marks.append({name: bold.get(name, False) for name in lines[-1]})
    first, *later = found.sweeps
    unit = " in %" * measure.in_percent
    caption = (
        f"{title}: test {measure.title}{unit}{measure.hint}, mean over seeds ± {SPREADS[spread]}. difference: "
        f"{listed(later)} minus {first} over common seeds, with the exact test's p, corrected by Holm."
        + " Bold: the best on validation."
        * (len(found.rows) > 1)
    )
    optional = 3 if len(later) == 1 else 4 * len(later)  # of several, the sentences have the differences, too
    return Display(pd.DataFrame(lines), pd.DataFrame(marks), caption, len(found.keys) + several, optional)


def _cell(row: "pd.Series[Any]", runs: Runs, spread: str, uneven: bool) -> str:
    finished, n = int(row.finished), int(row.n)
    seeds = f" ({n if finished == n else f'{finished}/{n}'})" if finished < n or uneven else ""
    return runs.measure.value(row.test_mean, spread_of(row, spread)) + seeds


def _difference(found: SideBySide, i: int, sweep: str, runs: Runs) -> tuple[dict[str, str], dict[str, str]]:
    """The cells of one row on a later sweep: the difference, and those that only a wide table has."""
    of = f" of {sweep}" * (len(found.sweeps) > 2)
    change = next(each for each in found.changes if each.sweep == sweep and each.data_set == found.rows.data_set[i])
    equal, common = change.equal_runs.get(i, (0, 0))
    measure, cells = runs.measure, [MISSING, MISSING, MISSING]
    if i in change.pairs.index:
        one = change.pairs.loc[i]
        p = "" if isnan(one.p_holm) else f" (p {_is(one.p_holm)})"
        within = measure.difference(one.equal_within, one.beside).lstrip("+")
        cells = [
            measure.difference(one.difference, one.beside) + p,
            MISSING if isnan(one.low) else _range(one, runs),
            within,
        ]
    elif common:
        cells[0] = "bit for bit" if equal == common else "the same"
    names = (f"95 % interval{of}", f"equal within{of}", f"bit for bit{of}")
    more = (*cells[1:], f"{equal}/{common}" if common else MISSING)
    return {f"difference{of}": cells[0]}, dict(zip(names, more, strict=True))


# the page and the files


def numbers(found: SideBySide, table: pd.DataFrame) -> pd.DataFrame:
    """The comparison without rounding, a row per configuration and later sweep."""
    first, made = found.sweeps[0], []
    for change in found.changes:
        its = found.rows[found.rows.data_set == change.data_set]
        for i, row in its.iterrows():
            equal, common = change.equal_runs.get(i, (0, 0))
            entry = {key: row[key] for key in found.keys} | {
                "data_set": row.data_set,
                "first": first,
                "later": change.sweep,
            }
            for name, sweep in (("first", first), ("later", change.sweep)):
                known = None if pd.isna(row[sweep]) else table.loc[row[sweep]]
                for column in ("n", "finished", "val_mean", "test_mean", "test_std"):
                    entry[f"{name}_{column}"] = None if known is None else known[column]
            one = change.pairs.loc[i] if i in change.pairs.index else pd.Series(dtype=float)
            fields = ("difference", "low", "high", "p", "p_holm", "effect", "equal_within")
            made.append(entry | {"common_runs": common, "equal_runs": equal} | {name: one.get(name) for name in fields})
    return pd.DataFrame(made)


def sections(found: SideBySide, runs: Runs, places: dict[Any, int]) -> list[Section]:
    """The differences as a figure, and the environments of the sweeps. places: of the configurations on the page."""
    made, measure = [], runs.measure
    for change in found.changes:
        rows = [
            {
                "label": rounded_name(found.rows.loc[i], found.keys) or "the configuration",
                "value": one.difference,
                **{end: None if isnan(one[end]) else one[end] for end in ("low", "high")},
                "c": [places[c] for c in found.rows.loc[i, found.sweeps] if not pd.isna(c)],
            }
            for i, one in change.pairs.head(LONGEST).iterrows()
        ]
        if rows and change.tests < change.runs:
            on = f" on {change.data_set}" * (found.rows.data_set.nunique() > 1)
            chart = {
                "kind": "intervals",
                "xlabel": measure.difference_label,
                "percent": measure.in_percent,
                "rows": rows,
            }
            caption = "The difference over common seeds and its 95 % t-interval."
            title = f"{change.sweep} minus {found.sweeps[0]}{on}"
            made.append(Section(title, chart=chart, caption=caption, group="details"))
    cells = pd.DataFrame(
        [{"": name, **dict(zip(runs.sweeps, its, strict=True))} for name, its in by_sweep(runs).items()]
    )
    caption = "What the records hold beside the configuration. First what differs."
    return [*made, Section("Environments", table=cells, caption=caption, group="details")]
