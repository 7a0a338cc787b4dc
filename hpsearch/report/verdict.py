"""The judgement: which configuration is best, by how much, and is the difference real?

Chosen by validation accuracy; judged by the differences in test accuracy, which has no say in the choice.
"""

from dataclasses import dataclass
from math import isnan

import pandas as pd

from hpsearch.report import stats
from hpsearch.report.configurations import is_numeric, label, text
from hpsearch.report.runs import Runs
from hpsearch.report.wording import MISSING, count, p_value, percent, points

SHOWN = 50  # comparisons in a table; the most distant ones interest nobody
FEWEST_SEEDS = 5  # for a spread that means something
LOWER, HIGHER, TIE, UNTESTABLE = "lower", "higher", "tie", "not testable"  # than the winner's test accuracy

EXPLANATION = (
    "difference: the winner's test accuracy minus the other's, in percentage points, over the n seeds that both have "
    "(unpaired where they share none); its interval is Student's t. p: exact two-sided sign-flip test, corrected by "
    "Holm for all comparisons. effect d: mean difference over its standard deviation. seeds needed: for 80 % power, if "
    "difference and spread are as they look."
)


@dataclass(frozen=True)
class Verdict:
    """winner: its configuration; None where no run has finished.

    others: a row per other configuration, best validation first; columns val_mean, test_mean, the fields of
    `stats.Comparison` (winner minus other), p_holm, result, and seeds: how many would resolve it, or None.
    paragraph: the judgement in words. warnings: what a careful reviewer would object, a line each.
    """

    winner: int | None
    others: pd.DataFrame
    paragraph: str
    warnings: list[str]

    @property
    def ties(self) -> set[int]:
        """The configurations that no test tells from the winner."""
        return set(self.others.index[self.others.result == TIE]) if len(self.others) else set()


def judge(runs: Runs, table: pd.DataFrame) -> Verdict:
    """table: `configurations.summarise` of the runs. A configuration that diverged or failed on a seed is chosen
    only where every one did."""
    ranked = table[table.finished > 0].sort_values("val_mean", ascending=False, kind="stable")
    if ranked.empty:
        return Verdict(None, ranked, "No run has finished: there is nothing to judge.", [])
    sound = ranked[ranked.diverged + ranked.failed == 0]
    winner = int((ranked if sound.empty else sound).index[0])
    others = _compare(runs, ranked.drop(winner), winner)
    return Verdict(winner, others, _paragraph(runs, table, winner, others), _warnings(runs, table, ranked, winner))


def comparisons(verdict: Verdict, table: pd.DataFrame, swept: list[str]) -> pd.DataFrame:
    """The others as a person reads them, all strings; at most `SHOWN` of them."""
    others = verdict.others.head(SHOWN)
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
            "effect d": [MISSING if isnan(effect) else f"{effect:.2g}" for effect in others.effect],
            "on test": [
                words.get(result, f"{UNTESTABLE} at n = {n}") for result, n in zip(others.result, others.n, strict=True)
            ],
            "seeds needed": [
                "" if result in (LOWER, HIGHER) else MISSING if seeds is None or isnan(seeds) else str(int(seeds))
                for result, seeds in zip(others.result, others.seeds, strict=True)
            ],
        }
    )


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


def _paragraph(runs: Runs, table: pd.DataFrame, winner: int, others: pd.DataFrame) -> str:
    best, name = table.loc[winner], label(table.loc[winner], runs.swept)
    validation, test = percent(best.val_mean, best.val_std), percent(best.test_mean, best.test_std)
    seeds = count(best.finished, "seed")
    if others.empty:
        return (
            f"{name}: {validation} % on validation, {test} % on test over {seeds}. There is nothing to compare it with."
        )
    second, next_name = others.iloc[0], label(table.loc[others.index[0]], runs.swept)
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
                f"The closest on test is {label(table.loc[closest], runs.swept)}, {points(-row.difference)} points"
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
    effect = "" if isnan(row.effect) else f", effect size d = {row.effect:.2g}"
    if row.result == LOWER:
        return f"The difference is real ({evidence}{effect})."
    if row.result == HIGHER:
        return f"So the next is really the better one on test ({evidence}{effect}): validation and test disagree."
    return f"The difference is not significant ({evidence}{effect}): take the two as tied; {_needed(row)}."


def _needed(row: "pd.Series[float]") -> str:
    if isnan(row.effect):
        return "more seeds are needed to say how many would resolve it"
    if row.seeds is None or isnan(row.seeds):
        return f"more than {stats.MOST_SEEDS:,} seeds would be needed to resolve it"
    return f"about {int(row.seeds)} seeds each would resolve it, if the difference is as it looks"


def _warnings(runs: Runs, table: pd.DataFrame, ranked: pd.DataFrame, winner: int) -> list[str]:
    best, name = table.loc[winner], label(table.loc[winner], runs.swept)
    warnings = [
        f"{key}={text(best[key])} is the {edge} value tried: the best may lie beyond it."
        for key, edge in edges(table, runs.swept, winner)
    ]
    if best.finished < FEWEST_SEEDS:
        warnings.append(f"{name} has {count(best.finished, 'seed')}: 5 are the least for a ±, 10 for a claim.")
    for _, row in ranked[ranked.val_mean > best.val_mean].head(3).iterrows():
        warnings.append(
            f"{label(row, runs.swept)} has the higher mean on validation, {percent(row.val_mean)} %, but only "
            f"{int(row.finished)} of its {int(row.n)} seeds finished: what diverges or fails on a seed is not chosen."
        )
    lost = table.n - table.finished
    if lost.any():
        where = count(int((lost > 0).sum()), "configuration")
        warnings.append(
            f"{lost.sum():,} of {count(table.n.sum(), 'run')} did not finish, in {where}: means are over the others."
        )
    seeds = runs.frame.groupby("configuration").seed.agg(frozenset)
    if seeds.nunique() > 1:
        warnings.append("The configurations were not run on the same seeds: differences are over the common ones.")
    places = {
        (entry["environment"]["device_name"], entry["environment"]["versions"]["torch"]) for entry in runs.records
    }
    if len(places) > 1:
        listed = "; ".join(sorted(f"{device} with torch {torch}" for device, torch in places))
        warnings.append(f"The runs come from different machines or versions, which alone can move a mean: {listed}.")
    return warnings


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
