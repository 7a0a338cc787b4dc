"""A verdict in words: the paragraph, the table of comparisons, and what a careful reviewer would object."""

from math import isfinite, isnan

import pandas as pd

from hpsearch.formatting import MISSING, count, p_value, percent, points
from hpsearch.record.frame import Runs
from hpsearch.report import stats
from hpsearch.report.summary_table import label, text
from hpsearch.report.verdict import HIGHER, LOWER, TIE, UNTESTABLE, Verdict, edges

SHOWN = 50  # comparisons in a table; the most distant ones interest nobody
FEWEST_SEEDS = 5  # for a spread that means something
EXPLANATION = (
    "difference: the winner's test accuracy minus the other's, in percentage points, over the n seeds that both have "
    "(unpaired where they share none); its interval is Student's t. p: exact two-sided sign-flip test, corrected by "
    "Holm for all comparisons. effect d: mean difference over its standard deviation. seeds needed: for 80 % power, if "
    "difference and spread are as they look."
)


def paragraph(verdict: Verdict, swept: list[str]) -> str:
    """The judgement."""
    if verdict.winner is None:
        return "No run has finished: there is nothing to judge."
    others, table = verdict.others, verdict.table
    best = table.loc[verdict.winner]
    name = label(best, swept)
    validation, test = percent(best.val_mean, best.val_std), percent(best.test_mean, best.test_std)
    seeds = count(best.finished, "seed")
    if others.empty:
        return (
            f"{name}: {validation} % on validation, {test} % on test over {seeds}. There is nothing to compare it with."
        )
    second, next_name = others.iloc[0], label(table.loc[others.index[0]], swept)
    sentences = [
        f"{name} is best: {validation} % on validation over {seeds}, {_apart(best.val_mean - second.val_mean)} "
        f"the next, {next_name}.",
        f"On test, which had no say in the choice, it reaches {test} %, {_apart(second.difference)} the next"
        f"{_interval(second)}.",
        _is_it_real(second, others),
    ]
    if len(others) > 1 and (others.result != UNTESTABLE).any():
        counts = others.result.value_counts()
        kinds = {
            LOWER: "significantly lower",
            HIGHER: "significantly higher",
            TIE: "not distinguishable",
            UNTESTABLE: "not testable",
        }
        listed = ", ".join(f"{counts[kind]:,} {words}" for kind, words in kinds.items() if kind in counts)
        sentences.append(f"Of the {len(others):,} others, on test: {listed}.")
        unresolved = others[others.result.isin([TIE, UNTESTABLE])]
        if len(unresolved) and (closest := unresolved.difference.abs().idxmin()) != others.index[0]:
            row = others.loc[closest]
            sentences.append(
                f"The closest on test is {label(table.loc[closest], swept)}, {points(-row.difference)} points"
                f"{_interval(row)}; {_needed(row)}."
            )
    return " ".join(sentences)


def _apart(difference: float) -> str:
    return f"{abs(100 * difference):.2f} points {'above' if difference >= 0 else 'below'}"


def _interval(row: "pd.Series[float]") -> str:
    return "" if isnan(row.low) else f" [95 % interval {points(row.low)} to {points(row.high)}]"


def _is_it_real(row: "pd.Series[float]", others: pd.DataFrame) -> str:
    pairs = f"{count(int(row.n), 'paired seed')}" if row.paired else "unpaired seeds"
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
    if row.result == LOWER:
        return f"The difference is real ({evidence}{effect})."
    if row.result == HIGHER:
        return f"So the next is really the better one on test ({evidence}{effect}): validation and test disagree."
    return f"The difference is not significant ({evidence}{effect}): take the two as tied; {_needed(row)}."


def _needed(row: "pd.Series[float]") -> str:
    if row.n < 2:
        return "more seeds are needed to say how many would resolve it"
    if row.seeds is None or isnan(row.seeds):
        return f"more than {stats.MOST_SEEDS:,} seeds would be needed to resolve it"
    return f"about {int(row.seeds)} seeds each would resolve it, if the difference is as it looks"


def comparisons(verdict: Verdict, swept: list[str]) -> pd.DataFrame:
    """The others as a person reads them, all strings; at most `SHOWN` of them."""
    table, others = verdict.table, verdict.others.head(SHOWN)
    words = {LOWER: "lower", HIGHER: "higher", TIE: "not distinguishable"}
    return pd.DataFrame(
        {
            "compared with": [label(table.loc[c], swept) for c in others.index],
            "validation": [percent(table.val_mean[c], table.val_std[c]) for c in others.index],
            "test": [percent(table.test_mean[c], table.test_std[c]) for c in others.index],
            "difference": [points(value) for value in others.difference],
            "95 % interval": [
                MISSING if isnan(low) else f"{points(low)} to {points(high)}"
                for low, high in zip(others.low, others.high, strict=True)
            ],
            "n": [str(n) for n in others.n],
            "p": [p_value(p) for p in others.p],
            "p (Holm)": [p_value(p) for p in others.p_holm],
            "effect d": [f"{effect:.2f}" if isfinite(effect) else MISSING for effect in others.effect],
            "on test": [
                words.get(result, f"{UNTESTABLE} at n = {n}") for result, n in zip(others.result, others.n, strict=True)
            ],
            "seeds needed": [
                "" if result in (LOWER, HIGHER) else MISSING if seeds is None or isnan(seeds) else str(int(seeds))
                for result, seeds in zip(others.result, others.seeds, strict=True)
            ],
        }
    )


def warnings(runs: Runs, verdict: Verdict) -> list[str]:
    """A line each: edges of ranges, few or unequal seeds, lost runs, different machines."""
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
    better = table[table.val_mean > best.val_mean].sort_values("val_mean", ascending=False, kind="stable")
    for _, row in better.head(3).iterrows():
        found.append(
            f"{label(row, runs.swept)} has the higher mean on validation, {percent(row.val_mean)} %, but only "
            f"{int(row.finished)} of its {int(row.n)} seeds finished: what diverges or fails on a seed is not chosen."
        )
    lost = table.diverged + table.failed
    if lost.any():
        where = count(int((lost > 0).sum()), "configuration")
        found.append(
            f"{lost.sum():,} of {count(table.n.sum(), 'run')} did not finish, in {where}: means are over the others."
        )
    mine = runs.frame.configuration.isin(table.index)
    seeds = runs.frame[mine].groupby("configuration").seed.agg(frozenset)
    if seeds.nunique() > 1:
        found.append("The configurations were not run on the same seeds: differences are over the common ones.")
    places = {
        (entry["environment"]["device_name"], entry["environment"]["versions"]["torch"]) for entry in runs.records
    }
    if len(places) > 1:
        listed = "; ".join(sorted(f"{device} with torch {torch}" for device, torch in places))
        found.append(f"The runs come from different machines or versions, which alone can move a mean: {listed}.")
    return found
