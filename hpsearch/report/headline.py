"""The first thing on the page: a number, and what it is."""

from dataclasses import dataclass

from hpsearch.formatting import count
from hpsearch.record.frame import Runs
from hpsearch.report.short_names import rounded_name
from hpsearch.report.verdict import Verdict


@dataclass(frozen=True)
class Headline:
    """value: the number with its unit. about: what it measures. name: of what."""

    value: str
    about: str
    name: str


def of_winners(verdicts: list[Verdict], runs: Runs) -> list[Headline]:
    """The winner's metric on test and its name, for each data set."""
    measure, found = runs.measure, []
    for verdict in verdicts:
        if verdict.winner is None:
            continue
        row = verdict.table.loc[verdict.winner]
        several = f" on {row.data_set}" if len(verdicts) > 1 else ""
        about = f"test {measure.title}{several}{measure.hint}, {count(row.finished, 'seed')}"
        value = measure.value(row.test_mean, row.test_std) + measure.percent
        found.append(Headline(value, about, rounded_name(row, runs.swept)))
    return found
