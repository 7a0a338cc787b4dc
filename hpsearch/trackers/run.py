"""A run as every tracker gets it: made of its record."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from hpsearch.passwords import without_passwords
from hpsearch.record.commands import run_command
from hpsearch.record.file import FILE, configuration_key, load_record, number
from hpsearch.record.multirun import MULTIRUN
from hpsearch.record.shape import Record
from hpsearch.record.swept import flat_values

SUCCEEDED = ("finished", "pruned")  # statuses of a run that nothing has gone wrong in


@dataclass(frozen=True)
class TrackedRun:
    """name: of its folder. mark: of its record; a run that was trained again has another one. key: equal for runs that
    differ only in their seed. config: flat. epochs: their numbers, from 1, or as a script counts them. curves: of each
    measure, a value for each epoch; nan where there is none.
    metrics: the final numbers. started, ended: in seconds since 1970.
    """

    name: str
    mark: str
    key: str
    sweep: str
    seed: int
    status: str
    reason: str | None
    config: dict[str, Any]
    epochs: list[int]
    curves: dict[str, list[float]]
    metrics: dict[str, float]
    facts: dict[str, str]
    started: float
    ended: float

    @property
    def succeeded(self) -> bool:
        return self.status in SUCCEEDED

    def points(self) -> Iterator[tuple[int, float, dict[str, float]]]:
        """Each epoch, the time of its end as if all had taken as long, and the values of the measures that have one."""
        for place, epoch in enumerate(self.epochs):
            then = self.started + (self.ended - self.started) * (place + 1) / len(self.epochs)
            values = {name: curve[place] for name, curve in self.curves.items() if len(curve) > place}
            yield epoch, then, {name: value for name, value in values.items() if math.isfinite(value)}

    @property
    def judged(self) -> int:
        """The epoch that counts; 0 without any."""
        return int(self.metrics.get("epoch", 0))

    def tags(self, configuration: int) -> dict[str, str]:
        """What it is found by. configuration: its number in the sweep."""
        found = {"sweep": self.sweep, "configuration": str(configuration), "seed": str(self.seed)}
        return found | {"status": self.status} | self.facts


def mark_of(folder: Path) -> str:
    """The mark of the record in a run's folder. Raises OSError."""
    return blake2b((folder / FILE).read_bytes(), digest_size=8).hexdigest()


def read(folder: Path) -> TrackedRun:
    """The run in a folder. Raises FileNotFoundError without a record, Unreadable for one that is not valid."""
    record = load_record(folder)
    ended = (folder / FILE).stat().st_mtime
    config, metrics = record["config"], record["metrics"] or {}
    curves = {name: [*map(number, curve)] for name, curve in record["history"].items()}
    counted = curves.pop("epoch", None)
    epochs = [*map(int, counted or range(1, max(map(len, curves.values()), default=0) + 1))]
    judged = epochs[record["epoch"] - 1] if 0 < record["epoch"] <= len(epochs) else 0
    more = {"seconds": record["seconds"], "parameters": record.get("parameters"), "epoch": judged}
    return TrackedRun(
        folder.name,
        mark_of(folder),
        configuration_key(config),
        name_of(folder.parent),
        config["seed"],
        record["status"],
        record["reason"],
        flat_values(record),
        epochs,
        curves,
        {name: float(value) for name, value in {**metrics, **more}.items() if value is not None},
        _facts(record),
        ended - record["seconds"],
        ended,
    )


def name_of(sweep: Path) -> str:
    """The name of a sweep: x/confirm for the one that confirms the winner of x."""
    above = sweep.parent
    return f"{above.name}/{sweep.name}" if (above / MULTIRUN).exists() else sweep.name


def _facts(record: Record) -> dict[str, str]:
    environment = record["environment"]
    found = {
        "command": run_command(record),
        "reason": record["reason"],
        "git_commit": environment.get("git_commit"),
        "device": environment.get("device_name"),
        "versions": " ".join(f"{name}={version}" for name, version in environment["versions"].items()),
    }
    return {name: without_passwords(value) for name, value in found.items() if value}
