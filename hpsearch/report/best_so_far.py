"""The best configuration of a sweep that may still run."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hpsearch.record.measure import Measure
from hpsearch.record.reader import RecordedRun
from hpsearch.record.swept import label, swept_keys


@dataclass(frozen=True)
class Best:
    """The best configuration on one data set. values: of its finished runs, on validation. label: its swept keys."""

    label: str
    data: str
    measure: Measure
    values: list[float]


def best(runs: Sequence[RecordedRun]) -> list[Best]:
    """The best configuration of each data set so far, by its mean on validation over its finished seeds.

    As in the report, the metric is that of most runs, and a configuration with a seed that diverged or failed is not
    chosen unless every configuration has one.
    """
    swept = swept_keys([*{run.configuration: run.values for run in runs}.values()])
    found = []
    for data in dict.fromkeys(run.data for run in runs):
        ours = [run for run in runs if run.data == data]
        measure = Counter(run.measure for run in ours).most_common(1)[0][0]
        by_configuration: dict[str, list[RecordedRun]] = {}
        for run in ours:
            if run.measure == measure:
                by_configuration.setdefault(run.configuration, []).append(run)
        ranked = []
        for its in by_configuration.values():
            values = [run.value for run in its if run.status == "finished" and run.value == run.value]
            if values:
                sound = all(run.status not in ("diverged", "failed") for run in its)
                ranked.append((sound, measure.sign * statistics.fmean(values), values, its[0]))
        if ranked:
            _, _, values, run = max(ranked, key=lambda each: each[:2])
            found.append(Best(label(run.values, swept), data, measure, values))
    return found
