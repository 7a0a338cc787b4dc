"""A verdict in words: three short sentences, a table of comparisons, and the objections of a careful reviewer.

Long, because all words of a verdict stand together.
"""

from collections.abc import Mapping
from math import isfinite, isnan

import pandas as pd

from hpsearch.formatting import MISSING, count, p_is, p_value
from hpsearch.record.frame import Runs
from hpsearch.record.measure import Measure
from hpsearch.report import sequential, stats
from hpsearch.report.bounds import Bounds
from hpsearch.report.edges import edges
from hpsearch.report.environments import mixed
from hpsearch.report.proportion import wilson
from hpsearch.report.short_names import fits, short_keys, short_name
from hpsearch.report.summary_table import best_first, label, text
from hpsearch.report.verdict import EQUAL, HIGHER, LOWER, TIE, UNTESTABLE, Verdict

SHOWN = 50  # comparisons in a table, the nearest on validation
FEWEST_SEEDS = 5  # for a useful estimate of the spread
WIDE = 0.02  # an interval of an accuracy that reaches further to one side deserves a line
WINNER = "The winner"  # if its name is too long for a sentence
SHARED = {"kfold": "folds", "seeded": "splits", "uci": "splits"}  # by the split: the parts that a seed each takes


def explanation(measure: Measure, repeated: bool = False) -> str:
    """The words below a table of comparisons. repeated: True if the sequential test speaks."""
    test = "sequential sign-flip test" if repeated else f"sign-flip test, exact up to {stats.EXACT_PAIRS} seeds"
    once = "Intervals, P(better) and the margins hold for one look, p for all of them."
    needed = "seeds needed: for 80 % power, if difference and spread stay as they are."
    unit = ", in percentage points" if measure.in_percent else ""
    better = "" if measure.maximize else " (below zero: the winner is better)"
    return (
        f"difference: the winner's test {measure.title} minus the other's{unit}{better}, over the n seeds that both "
        f"have (unpaired where they share none), with Student's 95 % interval. p: two-sided "
        f"{test}, corrected by Holm for all comparisons. effect d: mean difference over its standard deviation. "
        "P(better): the share of the seeds on which the winner is better, a tie counting as half, with Wilson's 95 % "
        "interval. equal within: the smallest margin of equivalence, by two one-sided t-tests, at 95 % for all "
        f"comparisons together. {once if repeated else needed}"
    )


def paragraph(verdict: Verdict, runs: Runs) -> str:
    """The verdict in at most three sentences: the winner, its lead on test, and the evidence for it."""
    measure = runs.measure
    if verdict.winner is None:
        finished = int((verdict.table.finished > 0).sum())
        if not finished:
            return "No run has finished: there is nothing to judge."
        return f"None of {count(finished, 'configuration')} is chosen, because the runs have no validation split."
    others, table = verdict.others, verdict.table
    best = table.loc[verdict.winner]
    name = winner_name(verdict, runs.swept)
    validation, test = (
        measure.value(*numbers) + measure.percent
        for numbers in ((best.val_mean, best.val_std), (best.test_mean, best.test_std))
    )
    seeds = count(best.finished, "seed")
    metric = "" if measure.is_accuracy else f"{measure.title}{measure.hint} "
    if isnan(best.test_mean):
        return _untested(verdict, runs, name, f"{metric}{validation} on validation over {seeds}")
    if others.empty:
        selected = "" if isnan(best.val_mean) else f"{validation} on validation, "
        return f"{name}: {metric}{selected}{test} on test over {seeds}. There is nothing to compare it with."
    second = others.iloc[0]
    next_name = short_name(table.loc[others.index[0]], runs.swept, beside=best)
    lead = f"{_apart(second.difference, best.test_mean, measure)} the next{f', {next_name}' * fits(next_name)}"
    sentences = [
        f"{name} {_is_best(name, verdict)} {metric}{validation} on validation over {seeds}.",
        f"On test it reaches {test}, {lead}{_interval(second.low, second.high, best.test_mean, measure)}.",
        _evidence(second, verdict, measure) if len(others) == 1 else _counts(second, verdict, measure),
    ]
    return " ".join(sentences)


def _untested(verdict: Verdict, runs: Runs, name: str, value: str) -> str:
    """The verdict on runs of a script that has no test part."""
    others, best, measure = verdict.others, verdict.table.loc[verdict.winner], runs.measure
    if others.empty:
        return f"{name}: {value}. There is nothing to compare it with."
    second = short_name(verdict.table.loc[others.index[0]], runs.swept, beside=best)
    lead = _apart(best.val_mean - others.val_mean.iloc[0], best.val_mean, measure)
    return (
        f"{name} {_is_best(name, verdict)} {value}, {lead} the next{f', {second}' * fits(second)}. "
        f"Nothing was tested, so nothing tells whether that is real: report it by run.finish(test_{measure.name}=…)."
    )


def _is_best(name: str, verdict: Verdict) -> str:
    """The verb behind the winner's name."""
    equals = len(_equals(verdict))
    return "has" if name == WINNER else f"is best, with {count(equals, 'equal')}:" if equals else "is best:"


def _equals(verdict: Verdict) -> pd.DataFrame:
    """The other configurations with the winner's mean on validation, of as many finished seeds."""
    best = verdict.table.loc[verdict.winner]
    others = verdict.table.loc[verdict.others.index]
    return others[(others.score == best.score) & (others.diverged + others.failed == 0)]


def winner_name(verdict: Verdict, swept: list[str]) -> str:
    """The winner's name in a sentence; a long one stands in a line of its own, of `long_name`."""
    name = short_name(verdict.table.loc[verdict.winner], swept)
    return name if fits(name) else WINNER if name else "The configuration"


def long_name(verdict: Verdict, swept: list[str]) -> str | None:
    """A line with the winner's keys and values, if the sentences have no room for them."""
    if verdict.winner is None:
        return None
    name = short_name(verdict.table.loc[verdict.winner], swept)
    return None if fits(name) or not name else f"{WINNER}: {name}"


def _apart(difference: float, beside: float, measure: Measure) -> str:
    return f"{measure.distance(difference, beside)} {'above' if difference >= 0 else 'below'}"


def _interval(low: float, high: float, beside: float, measure: Measure) -> str:
    return "" if isnan(low) else f" [95 % interval {measure.interval(low, high, beside)}]"


def _is_ahead(row: "pd.Series[float]", measure: Measure) -> bool:
    """True if the winner is better on test, too."""
    return bool(measure.sign * row.difference >= 0)


def _within(verdict: Verdict, measure: Measure) -> str:
    """The words for equivalence within the margin that was asked for."""
    margin = verdict.margin or 0.0
    return f"equal within {measure.distance(margin, margin)}"


def _evidence(row: "pd.Series[float]", verdict: Verdict, measure: Measure) -> str:
    """The sentence on the only comparison."""
    if row.result == EQUAL:
        return f"The two are {_within(verdict, measure)}: two one-sided t-tests, {p_is(row.p_equal)}."
    if row.result == UNTESTABLE:
        return f"With {count(row.n, 'seed')} no {_test(verdict)} can reach p = 0.05: it needs {_least_seeds(verdict)}."
    pairs = count(row.n, "paired seed") if row.paired else "unpaired seeds"
    evidence = f"{_test(verdict)} over {pairs}, {p_is(row.p_holm)}"
    if row.result == TIE:
        needed = "" if verdict.repeated else f"; {_needed(row, measure)}"
        return f"Which is better is undecided: {evidence}{needed}."
    effect = f", effect size d = {row.effect:.2f}" if isfinite(row.effect) else ""
    if _is_ahead(row, measure):
        return f"The difference is significant: {evidence}{effect}."
    return f"But there the next is significantly better, so validation and test disagree: {evidence}."


def _counts(second: "pd.Series[float]", verdict: Verdict, measure: Measure) -> str:
    """The sentence on several comparisons."""
    others = verdict.others
    if (others.result == UNTESTABLE).all():
        seeds, of = count(others.n.max(), "seed"), f"{len(others):,} comparisons"
        return f"With {seeds} no {_test(verdict)} of {of} can reach p = 0.05: it needs {_least_seeds(verdict)}."
    worse, better = (LOWER, HIGHER) if measure.maximize else (HIGHER, LOWER)
    words = {worse: "worse", better: "better", TIE: "undecided", UNTESTABLE: "untestable"}
    counts = others.result.value_counts()
    found = [(counts[kind], word) for kind, word in words.items() if kind in counts]
    of_all = f" of the {len(others):,} others"
    listed = [f"{n:,}{of_all * (not place)} {word}" for place, (n, word) in enumerate(found)]
    p = second.p_equal if second.result == EQUAL else second.p_holm
    of_next = "" if isnan(p) else f" ({p_is(p)} for the next)"
    alike, tested = int(counts.get(EQUAL, 0)), f"{_test(verdict).capitalize()}s with Holm's correction call"
    if not alike:
        return f"{tested} {_listed(listed)}{of_next}."
    equal = f"one-sided t-tests call {alike:,}{of_all * (not found)} {_within(verdict, measure)}"
    return f"{tested} {_listed(listed)}; two {equal}." if found else f"Two {equal}{of_next}."


def _test(verdict: Verdict) -> str:
    """The name of the test that speaks. A sample of the arrangements stands for more than `stats.RESAMPLES`."""
    if verdict.repeated:
        return "sequential test"
    others = verdict.others
    return "exact test" if (~others.paired | (others.n <= stats.EXACT_PAIRS)).all() else "sign-flip test"


def _least_seeds(verdict: Verdict) -> int:
    """The fewest paired seeds with which the test can be significant after Holm's correction."""
    comparisons = len(verdict.others)
    if verdict.looks is None or not verdict.repeated:
        return stats.least_seeds(comparisons)
    return sequential.least_seeds(comparisons * verdict.looks.winners)


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _needed(row: "pd.Series[float]", measure: Measure) -> str:
    if row.n < 2:
        return "more seeds are needed"
    if row.seeds is None or isnan(row.seeds):
        return f"more than {stats.MOST_SEEDS:,} seeds are needed"
    for_whom = "" if _is_ahead(row, measure) else ", for the next"
    return f"about {int(row.seeds)} seeds each would decide it with 80 % power{for_whom}"


def comparisons(verdict: Verdict, runs: Runs) -> pd.DataFrame:
    """A row for each of the first `SHOWN` other configurations; all cells are text."""
    measure, beside = runs.measure, verdict.table.test_mean[verdict.winner]
    worse, better = (LOWER, HIGHER) if measure.maximize else (HIGHER, LOWER)
    words = {worse: "better", better: "worse", EQUAL: _within(verdict, measure), TIE: "undecided"}
    rows = []
    for c, other in verdict.others.head(SHOWN).iterrows():
        row = verdict.table.loc[c]
        few = isnan(other.low)
        unknown = other.seeds is None or isnan(other.seeds)
        seeds = MISSING if unknown else str(int(other.seeds))
        decided = other.result in (LOWER, HIGHER, EQUAL)
        rows.append(
            {
                "compared with": label(row, runs.swept),
                "validation": measure.value(row.val_mean, row.val_std),
                "test": measure.value(row.test_mean, row.test_std),
                "the winner is": words.get(other.result, "undecided: too few seeds"),
                "difference": measure.difference(other.difference, beside),
                "95 % interval": MISSING if few else measure.interval(other.low, other.high, beside),
                "n": str(other.n),
                "p": p_value(other.p),
                "p (Holm)": p_value(other.p_holm),
                **({} if verdict.margin is None else {"p (equal)": p_value(other.p_equal)}),
                "effect d": f"{other.effect:.2f}" if isfinite(other.effect) else MISSING,
                "P(better)": _share(other),
                "equal within": measure.difference(other.equal_within, beside).lstrip("+"),
                **({} if verdict.repeated else {"seeds needed": "" if decided else seeds}),
            }
        )
    return pd.DataFrame(rows)


def _share(other: "pd.Series[float]") -> str:
    if isnan(other.wins):
        return MISSING
    return f"{other.wins:.2f} [{other.wins_low:.2f} to {other.wins_high:.2f}]"


def warnings(runs: Runs, verdict: Verdict, bounds: Mapping[str, Bounds | None]) -> list[str]:
    """A line for each doubt: an edge of a range, few or unequal seeds or test rows, lost runs, other machines."""
    if verdict.winner is None:
        return []
    table = verdict.table
    best = table.loc[verdict.winner]
    names = short_keys(runs.swept)
    found = []
    if len(equals := _equals(verdict)):
        first = short_name(equals.iloc[0], runs.swept, beside=best)
        more = f", like {count(len(equals) - 1, 'other')}," if len(equals) > 1 else ""
        found.append(f"{first}{more} has the same mean on validation: of equals, the first one tried is named.")
    found += [
        f"{names[key]}={text(best[key])} {words}: the best may lie beyond it."
        for key, words in edges(table, runs.swept, verdict.winner, bounds)
    ]
    if verdict.looks is not None and verdict.repeated:
        found.append(
            f"Look {verdict.looks.number} on other seeds: a sequential test speaks, because an exact p no longer errs "
            "in only 5 %."
        )
    if best.finished < FEWEST_SEEDS:
        who = winner_name(verdict, runs.swept)
        found.append(f"{who} has {count(best.finished, 'seed')}: 5 are the least for a ±, 10 for a claim.")
    records = runs.records_of(verdict.winner)
    split = records[0]["config"].get("split")
    if isinstance(split, dict) and split.get("name") in SHARED:
        parts = SHARED[split["name"]]
        found.append(f"The {parts} share training rows, so interval and p are too small (Nadeau and Bengio 2003).")
    higher, measure = "higher" if runs.measure.maximize else "lower", runs.measure
    if few_rows := _few_rows(best, runs, verdict.winner):
        found.append(few_rows)
    for _, row in best_first(table[table.score > best.score]).head(3).iterrows():
        value = measure.value(row.val_mean) + measure.percent
        found.append(
            f"{short_name(row, runs.swept, beside=best)} has the {higher} mean on validation, {value}, but only "
            f"{int(row.finished)} of its {int(row.n)} seeds finished."
        )
    lost = table.diverged + table.failed
    if lost.any():
        where = count((lost > 0).sum(), "configuration")
        found.append(
            f"{lost.sum():,} of {count(table.n.sum(), 'run')} did not finish, in {where}: means are over the others."
        )
    here = runs.frame.configuration.isin(table.index)
    seeds = runs.frame[here].groupby("configuration").seed.agg(frozenset)
    if seeds.nunique() > 1:
        found.append("The configurations have different seeds: differences are over the common ones.")
    environments = [record["environment"] for record in runs.records]
    places = {(environment["device_name"], environment["versions"]["torch"]) for environment in environments}
    if len(places) > 1:
        listed = "; ".join(sorted(f"{device} with torch {torch}" for device, torch in places))
        found.append(f"Different machines or versions can move a mean by themselves: {listed}.")
    return [*found, *mixed(runs)]


def _few_rows(best: "pd.Series[float]", runs: Runs, winner: int) -> str | None:
    """A line if so few test rows say little about all others: Wilson's interval of one run's accuracy."""
    rows = runs.frame[(runs.frame.configuration == winner) & (runs.frame.status == "finished")].test_samples.min()
    if not runs.measure.is_accuracy or isnan(best.test_mean) or not rows:
        return None
    low, high = wilson(float(best.test_mean), float(rows))
    if max(high - best.test_mean, best.test_mean - low) <= WIDE:
        return None
    within = f"{runs.measure.value(low)} and {runs.measure.value(high)}"
    return (
        f"With {int(rows):,} test rows, the accuracy on all data of this kind may be anywhere between {within} % "
        "(Wilson's 95 % interval)."
    )
