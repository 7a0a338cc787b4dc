"""Pruners that compare all runs of a stack at once. They are Optuna pruners, so they work without hpsearch too."""

import math
from abc import abstractmethod
from typing import Any

import optuna
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from optuna.pruners import BasePruner
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from hpsearch.errors import require

CLASSES = (  # that a configuration may name
    *(f"optuna.pruners.{name}" for name in optuna.pruners.__all__),
    "hpsearch.search.pruners.OneEpochPruner",
    "hpsearch.search.pruners.SynchronousHalvingPruner",
)
LARGEST_COHORT = 27  # trials, if a configuration gives no size
COHORT = "cohort"  # user attribute: the name of a trial's cohort; without names, consecutive trials form a cohort


class CohortPruner(BasePruner):
    """At some steps, its rungs, the best trials of a cohort stay and the others are pruned. A trial that does not
    report exactly there is judged by its first report beyond, at the last rung that it has passed.

    Let all trials of a cohort report a step before `should_prune` is called for any: then the order of the calls does
    not matter. In `Study.optimize` trials come one after another. A trial is then compared with the earlier ones, and
    none is pruned before more trials have reported than stay.

    NaN is worse than every number; of equal values the lower trial number is better. A trial that is pruned at a step
    still counts at that step. A trial that failed before leaves its place to another.
    """

    def __init__(self, cohort: int) -> None:
        require(cohort >= 2, "cohort", cohort, "at least 2 trials")
        self.cohort = cohort

    @abstractmethod
    def kept(self, step: int) -> int | None:
        """The number of trials of a cohort that stay at a step; None if no trial is pruned there."""

    @abstractmethod
    def rung(self, step: int) -> int | None:
        """The last step up to `step` at which trials are pruned; None if there was none."""

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """True if the trial must end at its last reported step."""
        last = trial.last_step
        rung = None if last is None else self.rung(last)
        if last is None or rung is None or _judged_at(trial, rung) != last:  # an earlier report was judged there
            return False
        mine = self._cohort_of(trial)
        ranks = sorted(
            _rank(study, other, step)
            for other in study.get_trials(deepcopy=False)
            if self._cohort_of(other) == mine and (step := _judged_at(other, rung)) is not None
        )
        return _rank(study, trial, last) not in ranks[: self.kept(rung)]

    def _cohort_of(self, trial: FrozenTrial) -> str | int:
        """The cohort's name from the attribute, or its number; a name is never equal to a number."""
        name: str | int = trial.user_attrs.get(COHORT, trial.number // self.cohort)
        return name


def _judged_at(trial: FrozenTrial, rung: int) -> int | None:
    """The step of the report by which a trial is judged at a rung; None if it has not come so far."""
    return min((step for step in trial.intermediate_values if step >= rung), default=None)


def _rank(study: Study, trial: FrozenTrial, step: int) -> tuple[bool, float, int]:
    """A sort key of the trial's value; smaller is better."""
    value = trial.intermediate_values[step]
    if math.isnan(value):
        return True, 0.0, trial.number
    return False, -value if study.direction == StudyDirection.MAXIMIZE else value, trial.number


class SynchronousHalvingPruner(CohortPruner):
    """Successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943). Of a cohort of n trials, the best n/η stay at
    step r, n/η² at step r η, n/η³ at step r η², and so on, rounded down, at least one.

    A cohort of 27 with r = 1, η = 3 and 40 epochs costs 94 epochs instead of 1,080.

    Args:
        min_resource: r, the first step at which trials are compared.
        reduction_factor: η.
        cohort: n.
    """

    def __init__(self, min_resource: int = 1, reduction_factor: int = 3, cohort: int = 27) -> None:
        super().__init__(cohort)
        require(min_resource >= 1, "min_resource", min_resource, "at least 1 epoch")
        require(reduction_factor >= 2, "reduction_factor", reduction_factor, "at least 2")
        self._min_resource, self._reduction_factor = min_resource, reduction_factor

    def kept(self, step: int) -> int | None:
        rung, kept = self._min_resource, self.cohort // self._reduction_factor
        while rung < step:
            rung, kept = rung * self._reduction_factor, kept // self._reduction_factor
        return max(1, kept) if rung == step else None

    def rung(self, step: int) -> int | None:
        rung, last = self._min_resource, None
        while rung <= step:
            rung, last = rung * self._reduction_factor, rung
        return last


class OneEpochPruner(CohortPruner):
    """All trials for one epoch, then the best of each cohort to the end: a strong baseline (Egele et al. 2023, arXiv
    2307.15422).

    A cohort of 27, of which 3 go on to 40 epochs, costs 144 epochs instead of 1,080.

    Args:
        keep: the number of trials of a cohort that go on.
        cohort: the number of trials in a cohort.
        epochs: the epochs before they are compared.
    """

    def __init__(self, keep: int = 3, cohort: int = 27, epochs: int = 1) -> None:
        super().__init__(cohort)
        require(1 <= keep < cohort, "keep", keep, f"between 1 and {cohort - 1}, fewer than the cohort")
        require(epochs >= 1, "epochs", epochs, "at least 1")
        self._keep, self._epochs = keep, epochs

    def kept(self, step: int) -> int | None:
        return self._keep if step == self._epochs else None

    def rung(self, step: int) -> int | None:
        return self._epochs if step >= self._epochs else None


def new_pruner(pruner_cfg: DictConfig, room: int = LARGEST_COHORT) -> Any:
    """The pruner of ``hydra.sweeper.pruner``. A cohort without a size is `room` trials, at most `LARGEST_COHORT`.

    Raises InstantiationException for options that the class refuses.
    """
    plain: Any = OmegaConf.to_container(pruner_cfg, resolve=True)
    if plain.get("cohort", 0) is None:
        plain["cohort"] = min(room, LARGEST_COHORT)
    return instantiate(plain, _execution_whitelist_=CLASSES)
