"""A run under another launcher reports to its search's trial, through the storage, and is pruned by it."""

from collections.abc import Collection, Mapping, Set

import optuna
from omegaconf import DictConfig

from hpsearch.engine.result import History
from hpsearch.search.objectives import curve_of
from hpsearch.search.pruners import new_pruner
from hpsearch.search.storage import Storage
from hpsearch.workers.run import Run, RunList


class TrialClient(RunList):
    """A source of one run, which is a trial of the study `name`."""

    adaptive = True

    def __init__(self, run: Run, trial: int, name: str, sweeper_cfg: DictConfig, url: str) -> None:
        super().__init__([(0, run)])
        study = optuna.load_study(study_name=name, storage=Storage(url).rdb, pruner=new_pruner(sweeper_cfg.pruner))
        self._trial = optuna.trial.Trial(study, trial)
        self._objective = sweeper_cfg.objective or f"val_{run.metric.name}"

    def prune(self, histories: Mapping[int, History], training: Set[int]) -> Collection[int]:
        """Report the last epoch; the run if it is to be pruned."""
        for history in histories.values():
            curve = curve_of(history, self._objective)
            self._trial.report(curve[-1], len(curve))
        return [number for number in histories if self._trial.should_prune()]
