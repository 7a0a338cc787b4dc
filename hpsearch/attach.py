"""A job under another launcher reports to its search's trial, through the storage, and is pruned by it."""

import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from hpsearch.build import Job
    from hpsearch.engine import History

STORAGE = "HPSEARCH_STORAGE"  # environment variable: the URL, whose password stands in no configuration
PRUNERS = ("optuna.pruners.*", "hpsearch.pruners.*")
LARGEST_COHORT = 27  # unless its size is given


def pruner_of(conf: DictConfig, room: int = LARGEST_COHORT) -> Any:
    """The pruner of ``hydra.sweeper.pruner``; a cohort without a size is `room` trials, or `LARGEST_COHORT`.

    Raises InstantiationException for settings that its class refuses.
    """
    plain: Any = OmegaConf.to_container(conf, resolve=True)
    if plain.get("cohort", 0) is None:
        plain["cohort"] = min(room, LARGEST_COHORT)
    return instantiate(plain, _execution_whitelist_=PRUNERS)


class Attached:
    """The feed of a job that has a trial: `hpsearch.once.Jobs`."""

    searching, runs = True, 1

    def __init__(self, job: "Job", trial: int, name: str) -> None:
        import optuna

        from hpsearch.database import Database

        conf = HydraConfig.get().sweeper
        storage = Database(os.environ[STORAGE]).storage
        study = optuna.load_study(study_name=conf.study_name or name, storage=storage, pruner=pruner_of(conf.pruner))
        self._trial = optuna.trial.Trial(study, trial)
        self._loss = conf.objective == "val_loss"
        self._jobs = [(0, job)]

    def next(self, free: int) -> Sequence[tuple[int, "Job"]]:
        """As `hpsearch.once.Jobs.next`."""
        jobs, self._jobs = self._jobs, []
        return jobs

    def prune(self, histories: "Mapping[int, History]") -> Collection[int]:
        """As `hpsearch.once.Jobs.prune`."""
        for history in histories.values():
            curve = history.val_loss if self._loss else history.val_accuracy
            self._trial.report(curve[-1], len(curve))
        return [number for number in histories if self._trial.should_prune()]
