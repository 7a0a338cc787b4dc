"""A verdict in words: a paragraph, a table of comparisons, and the objections of a careful reviewer.

Long, because all words of a verdict stand together.
"""

from math import isfinite, isnan

import pandas as pd

from hpsearch.formatting import MISSING, count, p_value
from hpsearch.record.frame import Runs
from hpsearch.record.measure import Measure
from hpsearch.report import stats
from hpsearch.report.environments import mixed
from hpsearch.report.summary_table import best_first, label, text
from hpsearch.report.verdict import HIGHER, LOWER, TIE, UNTESTABLE, Verdict, edges

SHOWN = 50  # comparisons in a table, the nearest on validation
FEWEST_SEEDS = 5  # for a useful estimate of the spread
SHARED = {"kfold": "folds", "seeded": "splits", "uci": "splits"}  # by the split: the parts that a seed each takes


def explanation(measure: Measure) -> str:
    """The words below a table of comparisons."""
    unit = ", in percentage points" if measure.unit == "%" else ""
    better = "" if measure.maximize else " (below zero: the winner is better)"
    return (
        f"difference: the winner's test {measure.title} minus the other's{unit}{better}, over the n seeds that both "
        "have (unpaired where they share none); its interval is Student's t. p: exact two-sided sign-flip test, "
        "corrected by Holm for all comparisons. effect d: mean difference over its standard deviation. seeds needed: "
        "for 80 % power, if difference and spread are as they look."
    )


def paragraph(verdict: Verdict, runs: Runs) -> str:
    """The verdict in a few sentences: the winner, its lead and the evidence for it."""
    measure, swept = runs.measure, runs.swept
    if verdict.winner is None:
        finished = int((verdict.table.finished > 0).sum())
        if not finished:
            return "No run has finished: there is nothing to judge."
        return f"None of {count(finished, 'configuration')} is chosen, because the runs have no validation split."
    others, table = verdict.others, verdict.table
    best = table.loc[verdict.winner]
    name = label(best, swept)
    validation, test = (
        measure.value(*numbers) + measure.percent
        for numbers in ((best.val_mean, best.val_std), (best.test_mean, best.test_std))
    )
    seeds = count(best.finished, "seed")
    metric = "" if measure.is_accuracy else f"{measure.title}{measure.hint} "
    if others.empty:
        selected = "" if isnan(best.val_mean) else f"{validation} on validation, "
        alone = "There is nothing to compare it with."
        return f"{name}: {metric}{selected}{test} on test over {seeds}. {alone}"
    second, next_name = others.iloc[0], label(table.loc[others.index[0]], swept)
    sentences = [
        f"{name} is best: {metric}{validation} on validation over {seeds}, "
        f"{_apart(best.val_mean - second.val_mean, best.val_mean, measure)} the next, {next_name}.",
        f"On test, which had no say in the choice, it reaches {test}, "
        f"{_apart(second.difference, best.test_mean, measure)} the next"
        f"{_interval(second.low, second.high, best.test_mean, measure)}.",
        _is_it_real(second, others, measure),
    ]
    if len(others) > 1 and (others.result != UNTESTABLE).any():
        counts = others.result.value_counts()
        kinds = {LOWER: "significantly lower", HIGHER: "significantly higher"}
        kinds |= {TIE: "not distinguishable", UNTESTABLE: "not testable"}
        listed = ", ".join(f"{counts[kind]:,} {words}" for kind, words in kinds.items() if kind in counts)
        sentences.append(f"Of the {len(others):,} others, on test: {listed}.")
        unresolved = others[others.result.isin([TIE, UNTESTABLE])]
        if len(unresolved) and (closest := unresolved.difference.abs().idxmin()) != others.index[0]:
            row = others.loc[closest]
            sentences.append(
                f"The closest on test is {label(table.loc[closest], swept)}, "
                f"{measure.difference(-row.difference, best.test_mean)}{measure.points}"
                f"{_interval(-row.high, -row.low, best.test_mean, measure)}; {_needed(row)}."
            )
    split = runs.records_of(verdict.winner)[0]["config"].get("split")
    if isinstance(split, dict) and split.get("name") in SHARED:
        sentences.append(
            f"The {SHARED[split['name']]} share training rows, so the interval and p are smaller than they should be "
            "(Nadeau and Bengio 2003)."
        )
    return " ".join(sentences)


def _apart(difference: float, beside: float, measure: Measure) -> str:
    return f"{measure.distance(difference, beside)} {'above' if difference >= 0 else 'below'}"


def _interval(low: float, high: float, beside: float, measure: Measure) -> str:
    return "" if isnan(low) else f" [95 % interval {_range(low, high, beside, measure)}]"


def _range(low: float, high: float, beside: float, measure: Measure) -> str:
    return f"{measure.difference(low, beside)} to {measure.difference(high, beside)}"


def _is_it_real(row: "pd.Series[float]", others: pd.DataFrame, measure: Measure) -> str:
    pairs = count(row.n, "paired seed") if row.paired else "unpaired seeds"
    if row.result == UNTESTABLE:
        least = stats.least_seeds(len(others))
        among = f" with {count(len(others), 'comparison')}" if len(others) > 1 else ""
        return (
            f"Whether that is real is not testable at n = {int(row.n)}: an exact test{among} needs {least} seeds or "
            f"more; {_needed(row)}."
        )
    corrected = f" after Holm's correction for {int(others.p.notna().sum())} comparisons" if len(others) > 1 else ""
    equals = "" if row.p_holm < 0.001 else "= "
    evidence = f"exact test over {pairs}, p {equals}{p_value(row.p_holm)}{corrected}"
    effect = f", effect size d = {row.effect:.2f}" if isfinite(row.effect) else ""
    if row.result == (LOWER if measure.maximize else HIGHER):
        return f"The difference is real ({evidence}{effect})."
    if row.result in (LOWER, HIGHER):
        return f"So the next is really the better one on test ({evidence}{effect}): validation and test disagree."
    return f"The difference is not significant ({evidence}{effect}): take the two as tied; {_needed(row)}."


def _needed(row: "pd.Series[float]") -> str:
    if row.n < 2:
        return "more seeds are needed to say how many would resolve it"
    if row.seeds is None or isnan(row.seeds):
        return f"more than {stats.MOST_SEEDS:,} seeds would be needed to resolve it"
    return f"about {int(row.seeds)} seeds each would resolve it, if the difference is as it looks"


def comparisons(verdict: Verdict, runs: Runs) -> pd.DataFrame:
    """A row for each of the first `SHOWN` other configurations; all cells are text."""
    measure, beside = runs.measure, verdict.table.test_mean[verdict.winner]
    words = {LOWER: "lower", HIGHER: "higher", TIE: "not distinguishable"}
    rows = []
    for c, other in verdict.others.head(SHOWN).iterrows():
        row = verdict.table.loc[c]
        few = isnan(other.low)
        unknown = other.seeds is None or isnan(other.seeds)
        seeds = MISSING if unknown else str(int(other.seeds))
        rows.append(
            {
                "compared with": label(row, runs.swept),
                "validation": measure.value(row.val_mean, row.val_std),
                "test": measure.value(row.test_mean, row.test_std),
                "difference": measure.difference(other.difference, beside),
                "95 % interval": MISSING if few else _range(other.low, other.high, beside, measure),
                "n": str(other.n),
                "p": p_value(other.p),
                "p (Holm)": p_value(other.p_holm),
                "effect d": f"{other.effect:.2f}" if isfinite(other.effect) else MISSING,
                "on test": words.get(other.result, f"{UNTESTABLE} at n = {other.n}"),
                "seeds needed": "" if other.result in (LOWER, HIGHER) else seeds,
            }
        )
    return pd.DataFrame(rows)


def warnings(runs: Runs, verdict: Verdict) -> list[str]:
    """A line for each doubt: an edge of a range, few or unequal seeds, lost runs, different machines."""
    if verdict.winner is None:
        return []
    table = verdict.table
    best = table.loc[verdict.winner]
    name = label(best, runs.swept)
    found = [
        f"{key}={text(best[key])} is the {edge} value tried: the best may lie beyond it."
        for key, edge in edges(table, runs.swept, verdict.winner)
    ]
    if best.finished < FEWEST_SEEDS:
        found.append(f"{name} has {count(best.finished, 'seed')}: 5 are the least for a ±, 10 for a claim.")
    higher, measure = "higher" if runs.measure.maximize else "lower", runs.measure
    for _, row in best_first(table[table.score > best.score]).head(3).iterrows():
        value = measure.value(row.val_mean) + measure.percent
        found.append(
            f"{label(row, runs.swept)} has the {higher} mean on validation, {value}, but only "
            f"{int(row.finished)} of its {int(row.n)} seeds finished: what diverges or fails on a seed is not chosen."
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
        found.append("The configurations were not run on the same seeds: differences are over the common ones.")
    environments = [record["environment"] for record in runs.records]
    places = {(environment["device_name"], environment["versions"]["torch"]) for environment in environments}
    if len(places) > 1:
        listed = "; ".join(sorted(f"{device} with torch {torch}" for device, torch in places))
        found.append(f"The runs come from different machines or versions, which alone can move a mean: {listed}.")
    return [*found, *mixed(runs)]
