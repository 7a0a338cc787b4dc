"""A run under another launcher reports to its search's trial, through the storage, and is pruned by it."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import optuna
from omegaconf import DictConfig

from hpsearch.search.pruners import new_pruner
from hpsearch.search.storage import Storage

if TYPE_CHECKING:
    from hpsearch.engine.result import History
    from hpsearch.workers.run import Run

STORAGE = "HPSEARCH_STORAGE"  # environment variable: the URL, because its password stands in no configuration


class TrialClient:
    """The `RunSource` of one run that is a trial of the study `name`."""

    expected, adaptive = 1, True

    def __init__(self, run: "Run", trial: int, name: str, sweeper_cfg: DictConfig, url: str) -> None:
        study = optuna.load_study(study_name=name, storage=Storage(url).rdb, pruner=new_pruner(sweeper_cfg.pruner))
        self._trial = optuna.trial.Trial(study, trial)
        self._loss = sweeper_cfg.objective == "val_loss"
        self._runs: Sequence[tuple[int, Any]] = [(0, run)]

    def next_runs(self, free: int) -> Sequence[tuple[int, "Run"]]:
        """As `RunSource.next_runs`."""
        runs, self._runs = self._runs, []
        return runs

    def prune(self, histories: "Mapping[int, History]") -> Collection[int]:
        """As `RunSource.prune`."""
        for history in histories.values():
            curve = history.val_loss if self._loss else history.val_accuracy
            self._trial.report(curve[-1], len(curve))
        return [number for number in histories if self._trial.should_prune()]
