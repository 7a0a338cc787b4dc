"""The winner once more on seeds that the search did not use: what is left of its lead."""

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
    """Accuracies of a winner. search: its mean on validation in the search; the rest are the fresh seeds' own."""

    name: str
    search: float
    validation: list[float]
    test: list[float]

    @property
    def optimism(self) -> float:
        """Validation of the search minus that of the re-run."""
        return self.search - sum(self.validation) / len(self.validation)

    @property
    def paragraph(self) -> str:
        low, high = stats.mean_interval(self.validation)
        known = len(self.validation) > 1
        interval = f" [95 % interval {points(self.search - high)} to {points(self.search - low)}]" if known else ""
        validation, test = (
            percent(sum(values) / len(values), stats.seed_std(values)) for values in (self.validation, self.test)
        )
        return (
            f"Run again on {count(len(self.test), 'fresh seed')}, {self.name} reaches {validation} % on validation and "
            f"{test} % on test. In the search its validation was {percent(self.search)} %: optimistic by "
            f"{points(self.optimism)} points{interval}."
        )


def confirmations(sweeps: Sequence[Path], runs: Runs, verdicts: Sequence[Verdict]) -> list[Confirmation]:
    """What the folders ``confirm`` below the sweeps say of the winners, on seeds that no run of the sweeps used."""
    folders = [sweep / FOLDER for sweep in sweeps if (sweep / FOLDER).is_dir()]
    again = gather(folders).records
    used = set(runs.frame.seed)
    found = []
    for verdict in verdicts:
        if verdict.winner is None:
            continue
        winner, row = configuration_of(runs.one_of(verdict.winner)), verdict.table.loc[verdict.winner]
        fresh = [
            entry["metrics"]
            for entry in again
            if configuration_of(entry) == winner
            and entry["config"]["seed"] not in used
            and entry["status"] == "finished"
        ]
        if fresh:
            validation, test = ([metrics[name] for metrics in fresh] for name in ("val_accuracy", "test_accuracy"))
            found.append(Confirmation(label(row, runs.swept), float(row.val_mean), validation, test))
    return found
