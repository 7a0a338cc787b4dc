"""Pruners that see all runs of a stack at once, on Optuna's interface, so that they also work without hpsearch."""

import math
from abc import abstractmethod
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from optuna.pruners import BasePruner
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from hpsearch.errors import require

CLASSES = ("optuna.pruners.*", "hpsearch.search.pruners.*")  # that a configuration may name
LARGEST_COHORT = 27  # unless its size is given
COHORT = "cohort"  # user attribute: the name of a trial's cohort; without it consecutive trials form one


class CohortPruner(BasePruner):
    """At some steps the best of a cohort stay and the others are pruned.

    Exact where all trials of the cohort have reported a step before any is asked about; the order of the questions is
    then irrelevant. Where trials come one after the other, as in `Study.optimize`, a trial is compared with those that
    have come so far: while no more have come than stay, none is pruned.

    NaN comes after every number; of equal values the lower trial number is better. A trial that is pruned at a step
    still counts there; one that failed before it does not, and its place goes to another.
    """

    def __init__(self, cohort: int) -> None:
        require(cohort >= 2, "cohort", cohort, "at least 2 trials")
        self.cohort = cohort

    @abstractmethod
    def kept(self, step: int) -> int | None:
        """How many of a cohort stay at a step; None where nobody is judged."""

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether the trial is to end at the step that it has reported last."""
        step = trial.last_step
        if step is None or (kept := self.kept(step)) is None:
            return False
        mine = self._cohort_of(trial)
        ranks = sorted(
            _rank(study, other, step)
            for other in study.get_trials(deepcopy=False)
            if step in other.intermediate_values and self._cohort_of(other) == mine
        )
        return _rank(study, trial, step) not in ranks[:kept]

    def _cohort_of(self, trial: FrozenTrial) -> str | int:
        """What the attribute says or the number of the cohort: text and numbers never mix."""
        name: str | int = trial.user_attrs.get(COHORT, trial.number // self.cohort)
        return name


def _rank(study: Study, trial: FrozenTrial, step: int) -> tuple[bool, float, int]:
    """Smaller is better."""
    value = trial.intermediate_values[step]
    if math.isnan(value):
        return True, 0.0, trial.number
    return False, -value if study.direction == StudyDirection.MAXIMIZE else value, trial.number


class SynchronousHalvingPruner(CohortPruner):
    """Successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943): at step r of a cohort of n trials, then at
    r η, r η², …, the best n/η, n/η², … stay, rounded down, and at least one.

    A cohort of 27 with r = 1, η = 3 and 40 epochs costs 94 epochs instead of 1,080.

    Args:
        min_resource: r, the first step at which trials are compared.
        reduction_factor: η.
        cohort: n, the trials that are compared with each other.
    """

    def __init__(self, min_resource: int = 1, reduction_factor: int = 3, cohort: int = 27) -> None:
        super().__init__(cohort)
        require(min_resource >= 1, "min_resource", min_resource, "at least 1 epoch")
        require(reduction_factor >= 2, "reduction_factor", reduction_factor, "at least 2")
        self._min_resource, self._reduction_factor = min_resource, reduction_factor

    def kept(self, step: int) -> int | None:
        """As `CohortPruner.kept`."""
        rung, kept = self._min_resource, self.cohort // self._reduction_factor
        while rung < step:
            rung, kept = rung * self._reduction_factor, kept // self._reduction_factor
        return max(1, kept) if rung == step else None


class OneEpochPruner(CohortPruner):
    """All for one epoch, then the best of each cohort to the end: what any other method has to beat (Egele et al. 2023,
    arXiv 2307.15422).

    A cohort of 27, of which 3 go on to 40 epochs, costs 144 epochs instead of 1,080.

    Args:
        keep: how many of a cohort go on.
        cohort: the trials that are compared with each other.
        epochs: after which they are compared.
    """

    def __init__(self, keep: int = 3, cohort: int = 27, epochs: int = 1) -> None:
        super().__init__(cohort)
        require(1 <= keep < cohort, "keep", keep, f"between 1 and {cohort - 1}, fewer than the cohort")
        require(epochs >= 1, "epochs", epochs, "at least 1")
        self._keep, self._epochs = keep, epochs

    def kept(self, step: int) -> int | None:
        """As `CohortPruner.kept`."""
        return self._keep if step == self._epochs else None


def new_pruner(pruner_cfg: DictConfig, room: int = LARGEST_COHORT) -> Any:
    """The pruner of ``hydra.sweeper.pruner``. A cohort without a size is `room` trials, at most `LARGEST_COHORT`.

    Raises InstantiationException for settings that its class refuses.
    """
    plain: Any = OmegaConf.to_container(pruner_cfg, resolve=True)
    if plain.get("cohort", 0) is None:
        plain["cohort"] = min(room, LARGEST_COHORT)
    return instantiate(plain, _execution_whitelist_=CLASSES)
