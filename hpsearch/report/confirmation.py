"""The winner trained again on seeds that the search did not use: an unbiased estimate of its accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hpsearch.formatting import count, percent, points
from hpsearch.record.frame import Runs, configuration_of, gather
from hpsearch.report import stats
from hpsearch.report.summary_table import label
from hpsearch.report.verdict import Verdict

FOLDER = "confirm"  # below the sweep's


@dataclass(frozen=True)
class Confirmation:
    """Accuracies of a winner. search: its mean validation accuracy in the search. validation, test: by fresh seed."""

    name: str
    search: float
    validation: list[float]
    test: list[float]

    @property
    def optimism(self) -> float:
        """Validation accuracy in the search minus that on the fresh seeds."""
        return self.search - sum(self.validation) / len(self.validation)

    @property
    def paragraph(self) -> str:
        """The confirmation in words."""
        low, high = stats.mean_interval(self.validation)
        known = len(self.validation) > 1
        interval = f" [95 % interval {points(self.search - high)} to {points(self.search - low)}]" if known else ""
        validation, test = (percent(sum(v) / len(v), stats.seed_std(v)) for v in (self.validation, self.test))
        return (
            f"Run again on {count(len(self.test), 'fresh seed')}, {self.name} reaches {validation} % on validation and "
            f"{test} % on test. In the search its validation was {percent(self.search)} %: optimistic by "
            f"{points(self.optimism)} points{interval}."
        )


def confirmations(sweeps: Sequence[Path], runs: Runs, verdicts: Sequence[Verdict]) -> list[Confirmation]:
    """The winners' confirmations, from the folders ``confirm`` below the sweeps; only seeds new to the sweeps count."""
    folders = [sweep / FOLDER for sweep in sweeps if (sweep / FOLDER).is_dir()]
    again = gather(folders).records
    used = set(runs.frame.seed)
    found = []
    for verdict in verdicts:
        if verdict.winner is None:
            continue
        winner, row = configuration_of(runs.records_of(verdict.winner)[0]), verdict.table.loc[verdict.winner]
        same = [record for record in again if configuration_of(record) == winner and record["status"] == "finished"]
        if fresh := [record["metrics"] for record in same if record["config"]["seed"] not in used]:
            validation, test = ([metrics[name] for metrics in fresh] for name in ("val_accuracy", "test_accuracy"))
            found.append(Confirmation(label(row, runs.swept), float(row.val_mean), validation, test))
    return found
