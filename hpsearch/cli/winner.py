"""The winner of a sweep, and its net for use: ``hpsearch.load``."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import hpsearch.engine  # noqa: F401  # before torch: it settles how MKL rounds
from hpsearch.errors import UsageError, require
from hpsearch.record.commands import command, override, overrides_of
from hpsearch.record.data_set import names_of
from hpsearch.record.file import FILE, load_record
from hpsearch.record.scripts import is_script
from hpsearch.record.shape import Record, Unreadable
from hpsearch.report import analysis
from hpsearch.report.findings import Findings

if TYPE_CHECKING:  # torch takes a second
    from hpsearch.task.net import Net, Predictor

OTHER_RUN = re.compile(r"\+*(seed|name|weights|hydra\.(?!searchpath).*)=")


@dataclass(frozen=True)
class Winner:
    """The best configuration of a data set. runs: its finished runs, the best on validation first."""

    data: str
    runs: list[tuple[Path, Record]]


def load(
    folder: str | Path, *, seed: int | None = None, ensemble: bool = False, data: str | None = None
) -> "Predictor":
    """The winner's net from the folder of a sweep, or the net of one run from its folder; an `nn.Module` on the CPU.

    seed: of the winner's runs; by default the best on validation. ensemble: all seeds of the winner, whose
    probabilities or values are averaged. data: the data set, if a sweep has several. Raises UsageError.
    """
    from hpsearch.task.net import Ensemble

    folder = Path(folder)
    if not ensemble:
        return _net(_of_seed(_winner(folder, data), seed))
    require(seed is None, "seed", seed, "left out with an ensemble, which has all seeds")
    return Ensemble([_net(run) for run in _winner(folder, data).runs])


def winners(found: Findings) -> list[Winner]:
    """The winner of each data set."""
    measure, frame, sweeps = found.runs.measure, found.runs.frame, {sweep.name: sweep for sweep in found.sweeps}
    listed = []
    for verdict in found.verdicts:
        if verdict.winner is not None:
            rows = frame[(frame.configuration == verdict.winner) & (frame.status == "finished")]
            rows = rows.assign(score=measure.sign * rows[measure.val]).sort_values("seed", kind="stable")
            rows = rows.sort_values("score", ascending=False, kind="stable")
            runs = [(sweeps[row.sweep] / row.folder, found.runs.records[i]) for i, row in rows.iterrows()]
            listed.append(Winner(str(rows.data_set.iloc[0]), runs))
    return listed


def _winner(folder: Path, data: str | None) -> Winner:
    if (folder / FILE).exists():
        try:
            record = load_record(folder)
        except Unreadable as error:
            raise UsageError([f"{folder / FILE}: {error}"]) from error
        return Winner(names_of([record])[0], [(folder, record)])
    listed = winners(analysis.read([folder]))
    if not listed:
        raise UsageError([f"{folder}: has no winner: no run has finished, or there is no validation to choose by"])
    names = [winner.data for winner in listed]
    if data is None and len(names) > 1:
        raise UsageError([f"{folder}: has a winner for each data set; choose data= one of {', '.join(names)}"])
    require(data is None or data in names, "data", data, f"one of {', '.join(names)}")
    return listed[0 if data is None else names.index(data)]


def _of_seed(winner: Winner, seed: int | None) -> tuple[Path, Record]:
    """The run of a seed; by default the best on validation whose weights are there."""
    by_seed = {record["config"]["seed"]: (folder, record) for folder, record in winner.runs}
    if seed is None:
        return next(((f, record) for f, record in winner.runs if has_weights(f)), winner.runs[0])
    require(seed in by_seed, "seed", seed, f"one of the winner's: {', '.join(map(str, sorted(by_seed)))}")
    return by_seed[seed]


def _net(run: tuple[Path, Record]) -> "Net":
    """The net of a run. Raises UsageError, with the command that trains it again if its weights are not there."""
    from hpsearch.task.load import net_of

    folder, record = run
    if is_script(record["config"]):
        raise UsageError(
            [f"{folder}: was trained by {record['script']}, whose nets are its own files; load them there"]
        )
    if is_net(record) and record["status"] == "finished" and not has_weights(folder):
        raise UsageError([f"{folder}: its weights were not kept; to train it again: {again_command(folder, [record])}"])
    return net_of(folder, record)


def again_command(folder: Path, records: list[Record]) -> str:
    """The command that trains runs of one configuration again, into another folder, with their weights."""
    lines = [line for line in overrides_of(records[0]) if not OTHER_RUN.match(line)]
    name = override("name", f"{folder.absolute().parent.name}-winner")
    return command(*(["-m"] if len(records) > 1 else []), *lines, f"seed={seeds_of(records)}", name)


def seeds_of(records: list[Record]) -> str:
    """The seeds of runs, as they are typed."""
    return ",".join(map(str, sorted(record["config"]["seed"] for record in records)))


def is_net(record: Record) -> bool:
    """True for a run of a net; a classifier of scikit-learn has no epochs and no weights."""
    return "epochs" in record["config"] and not is_script(record["config"])


def has_weights(folder: Path) -> bool:
    from hpsearch.task.weights import WEIGHTS

    return (folder / WEIGHTS).exists()
