"""The winner trained again on seeds that the search did not use: an unbiased estimate of its metric."""

from collections.abc import Sequence
from pathlib import Path

from hpsearch.formatting import count
from hpsearch.record.frame import Runs, gather
from hpsearch.record.measure import Measure
from hpsearch.record.swept import configuration_of
from hpsearch.report import stats
from hpsearch.report.verdict import Verdict
from hpsearch.report.verdict_text import winner_name

FOLDER = "confirm"  # below the sweep's


def paragraphs(sweeps: Sequence[Path], runs: Runs, verdicts: Sequence[Verdict]) -> list[str]:
    """A paragraph for each winner with runs in a folder ``confirm``, on seeds that the sweeps did not use."""
    again = gather([sweep / FOLDER for sweep in sweeps if (sweep / FOLDER).is_dir()]).records
    measure, used = runs.measure, set(runs.frame.seed)
    found = []
    for verdict in verdicts:
        if verdict.winner is None:
            continue
        winner, row = configuration_of(runs.records_of(verdict.winner)[0]), verdict.table.loc[verdict.winner]
        same = [record for record in again if configuration_of(record) == winner and record["status"] == "finished"]
        if fresh := [record["metrics"] for record in same if record["config"]["seed"] not in used]:
            validation, test = ([metrics[name] for metrics in fresh] for name in (measure.val, measure.test))
            found.append(_paragraph(winner_name(verdict, runs.swept), measure, float(row.val_mean), validation, test))
    return found


def _paragraph(name: str, measure: Measure, searched: float, validation: list[float], test: list[float]) -> str:
    """searched: the mean on validation in the search. validation, test: the values on fresh seeds."""
    again, on_test = (
        measure.value(sum(values) / len(values), stats.seed_std(values)) + measure.percent
        for values in (validation, test)
    )
    difference = searched - sum(validation) / len(validation)
    low, high = (searched - end for end in stats.mean_interval(validation)[::-1])
    interval = f" [95 % interval {measure.interval(low, high, searched)}]" if len(validation) > 1 else ""
    metric = "" if measure.is_accuracy else f"{measure.title} "
    return (
        f"Run again on {count(len(test), 'fresh seed')}, {name} reaches {metric}{again} on validation and {on_test} on "
        f"test. In the sweep its validation was {measure.value(searched)}{measure.percent}, "
        f"{measure.distance(difference, searched)} {'higher' if difference >= 0 else 'lower'}{interval}."
    )
