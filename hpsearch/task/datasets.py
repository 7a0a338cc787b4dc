"""The data sets of the runs of a sweep, each made once."""

from typing import Any

from hpsearch.components.data.dataset import Dataset
from hpsearch.components.data.load import arguments, dataset_of, parts_of, rows_of
from hpsearch.components.data.raw import Raw
from hpsearch.task.config import Settings
from hpsearch.task.faults import Faults


class Datasets:
    """Makes the data sets of runs. Faults go to `faults`. warnings: lines about the data, each once."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._made: dict[tuple[Any, ...], Dataset | None] = {}  # None: has a fault, which is reported once
        self.warnings: dict[str, None] = {}

    def of(self, settings: Settings) -> Dataset | None:
        """The data set of a run, or None and a fault. Runs with the same rows and the same split share it."""
        faults, before = self._faults, len(self._faults.lines)
        key = arguments(settings.data, settings.split, settings.preprocessing, settings.config["seed"])
        if key not in self._made:
            data, split, _, seed = key
            self._made[key] = None
            with faults.of("data"):
                rows = rows_of(data)
            if len(faults.lines) == before and isinstance(rows, Raw):
                with faults.of("split"):
                    parts_of(data, split, seed)
            if len(faults.lines) == before:
                with faults.of("preprocessing"):
                    self._made[key] = made = dataset_of(*key)
                    self.warnings |= dict.fromkeys(made.warnings)
        return self._made[key]
