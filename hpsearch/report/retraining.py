"""Each seed's winner trained again: an estimate of the whole procedure, selection included.

With a split for each seed, a configuration is selected by the validation rows of its split, and tested on rows that
had no say: nested selection (Cawley and Talbot, 2010).
"""

from collections.abc import Sequence
from math import sqrt
from pathlib import Path

from hpsearch.formatting import count
from hpsearch.record.frame import Runs, gather
from hpsearch.record.shape import Record
from hpsearch.record.swept import values_of
from hpsearch.report import stats

FOLDER = "retrain"  # below the sweep's
OF_THE_COMMAND = ("seed", "confirm", "retrain", "report")  # keys of the command that trains again, in scripts' records


def winners(runs: Runs) -> list[tuple[Record, list[int]]]:
    """A record of each configuration that is the best of a seed on validation, and these seeds."""
    measure, finished = runs.measure, runs.frame[runs.frame.status == "finished"]
    by_configuration: dict[int, list[int]] = {}
    for seed, rows in finished.groupby("seed"):
        best = (measure.sign * rows[measure.val]).idxmax()
        by_configuration.setdefault(int(rows.configuration[best]), []).append(int(seed))
    return [(runs.records_of(number)[0], seeds) for number, seeds in sorted(by_configuration.items())]


def paragraphs(sweeps: Sequence[Path], runs: Runs) -> list[str]:
    """The metric on test of the runs in a folder ``retrain``, one a seed; a paragraph for each way to train again."""
    folders = [sweep / FOLDER for sweep in sweeps if (sweep / FOLDER).is_dir()]
    if not folders:
        return []
    winner = {seed: record for record, seeds in winners(runs) for seed in seeds}
    found: dict[str, list[Record]] = {}
    for record in gather(folders).records:
        before = winner.get(record["config"]["seed"])
        same = before is not None and values_of(record, runs.swept) == values_of(before, runs.swept)
        if same and record["status"] == "finished":
            found.setdefault(_changes(before, record), []).append(record)
    return [_paragraph(changes, records, runs) for changes, records in found.items()]


def _changes(before: Record | None, record: Record) -> str:
    """The overrides that only the retrained run has."""
    known = [] if before is None else before["overrides"]
    lines = [line.lstrip("+") for line in record["overrides"] if line not in known]
    return " ".join(line for line in lines if line.partition("=")[0] not in OF_THE_COMMAND)


def _paragraph(changes: str, records: list[Record], runs: Runs) -> str:
    """The mean on test; on validation if nothing was tested."""
    measure, part = runs.measure, "test"
    values = [value for record in records if (value := record["metrics"].get(measure.test)) is not None]
    if not values:
        part, values = "validation", [record["metrics"][measure.val] for record in records]
    mean, std = sum(values) / len(values), stats.seed_std(values)
    spread = f" (± standard error; standard deviation {measure.value(std)}{measure.percent})" if len(values) > 1 else ""
    return (
        f"Each seed's winner, trained again with {changes}, reaches {measure.title} "
        f"{measure.value(mean, std / sqrt(len(values)))}{measure.percent} on {part} over "
        f"{count(len(values), 'seed')}{spread}."
    )
