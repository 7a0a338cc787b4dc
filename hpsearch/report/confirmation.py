"""The winner trained again on seeds that the search did not use: an unbiased estimate of its accuracy."""

from collections.abc import Sequence
from pathlib import Path

from hpsearch.formatting import count, percent, points
from hpsearch.record.frame import Runs, configuration_of, gather
from hpsearch.report import stats
from hpsearch.report.summary_table import label
from hpsearch.report.verdict import Verdict

FOLDER = "confirm"  # below the sweep's


def paragraphs(sweeps: Sequence[Path], runs: Runs, verdicts: Sequence[Verdict]) -> list[str]:
    """A paragraph for each winner with runs in a folder ``confirm``, on seeds that the sweeps did not use."""
    again = gather([sweep / FOLDER for sweep in sweeps if (sweep / FOLDER).is_dir()]).records
    used = set(runs.frame.seed)
    found = []
    for verdict in verdicts:
        if verdict.winner is None:
            continue
        winner, row = configuration_of(runs.records_of(verdict.winner)[0]), verdict.table.loc[verdict.winner]
        same = [record for record in again if configuration_of(record) == winner and record["status"] == "finished"]
        if fresh := [record["metrics"] for record in same if record["config"]["seed"] not in used]:
            validation, test = ([metrics[name] for metrics in fresh] for name in ("val_accuracy", "test_accuracy"))
            found.append(_paragraph(label(row, runs.swept), float(row.val_mean), validation, test))
    return found


def _paragraph(name: str, searched: float, validation: list[float], test: list[float]) -> str:
    """searched: the mean validation accuracy in the search. validation, test: the accuracies on fresh seeds."""
    low, high = stats.mean_interval(validation)
    interval = f" [95 % interval {points(searched - high)} to {points(searched - low)}]" if len(validation) > 1 else ""
    again, on_test = (percent(sum(values) / len(values), stats.seed_std(values)) for values in (validation, test))
    return (
        f"Run again on {count(len(test), 'fresh seed')}, {name} reaches {again} % on validation and {on_test} % on "
        f"test. In the search its validation was {percent(searched)} %: optimistic by "
        f"{points(searched - sum(validation) / len(validation))} points{interval}."
    )
