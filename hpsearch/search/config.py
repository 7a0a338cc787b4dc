"""The configuration of ``hydra/sweeper=hpsearch`` and its groups ``sampler`` and ``pruner``."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra_plugins.hydra_optuna_sweeper.config import OptunaSweeperConf, SamplerConfig, TPESamplerConfig
from omegaconf import MISSING


@dataclass
class SweeperConf(OptunaSweeperConf):
    """The keys of Hydra's stock Optuna sweeper with other defaults, and further keys."""

    _target_: str = "hpsearch.cli.sweeper.OptunaSweeper"
    defaults: list[Any] = field(default_factory=lambda: [{"sampler": "tpe"}, {"pruner": "none"}])
    direction: Any = None  # null: the default of the objective
    n_trials: int = 50  # of the whole study
    n_jobs: int = 2  # trials in a batch, for launchers without lanes
    max_failure_rate: float = 0.5  # of n_trials, over the whole study
    pruner: Any = MISSING
    objective: Any = None  # the metric that selects; or val_loss; or several: [val_accuracy, seconds, parameters]
    seeds: Any = None  # of each trial, whose objective is their mean; null: the one `seed`
    when: dict[str, Any] = field(default_factory=dict)  # key=value -> the parameters that exist only then
    enqueue: list[Any] = field(default_factory=list)  # the first points: {lr: 0.1, optimizer: sgd}
    timeout: float | None = None  # seconds after which no trial begins
    retry_failed: int = 0  # attempts after the first


@dataclass
class TPEConf(TPESamplerConfig):
    """The stock sampler with Optuna's defaults, for which null stands: ``tpe`` in a command of hpsearch."""

    multivariate: Any = None
    constant_liar: Any = None


@dataclass
class AutoConf(SamplerConfig):
    """OptunaHub's AutoSampler, which chooses among Optuna's samplers."""

    _target_: str = "hpsearch.search.samplers.auto_sampler"
    seed: int | None = None


def _pruner(target: str, **options: Any) -> dict[str, Any]:
    return {"_target_": target if "." in target else f"optuna.pruners.{target}", **options}


STARTUP = {"n_startup_trials": 5, "n_warmup_steps": 0, "interval_steps": 1, "n_min_trials": 1}
HALVING = {"min_resource": 1, "reduction_factor": 3}
PRUNERS = {  # name -> class and its arguments
    "none": _pruner("NopPruner"),
    "median": _pruner("MedianPruner", **STARTUP),
    "percentile": _pruner("PercentilePruner", percentile=25.0, **STARTUP),  # percent that stay
    "hyperband": _pruner("HyperbandPruner", min_resource=1, max_resource="${epochs}", reduction_factor=3),
    "successive_halving": _pruner("SuccessiveHalvingPruner", **HALVING, min_early_stopping_rate=0, bootstrap_count=0),
    "patient": _pruner("PatientPruner", wrapped_pruner=None, patience=5, min_delta=0.0),
    "threshold": _pruner("ThresholdPruner", lower=None, upper=None, n_warmup_steps=0, interval_steps=1),
    "wilcoxon": _pruner("WilcoxonPruner", p_threshold=0.1, n_startup_steps=2),
    # a cohort of null: as many trials as the launcher has lanes, at most 27
    "synchronous_halving": _pruner("hpsearch.search.pruners.SynchronousHalvingPruner", **HALVING, cohort=None),
    "one_epoch": _pruner("hpsearch.search.pruners.OneEpochPruner", keep=3, cohort=None, epochs=1),
}

_store = ConfigStore.instance().store
_store(group="hydra/sweeper", name="hpsearch", node=SweeperConf, provider="hpsearch")
_store(group="hydra/sweeper/sampler", name="auto", node=AutoConf, provider="hpsearch")
for _name, _node in PRUNERS.items():
    _store(group="hydra/sweeper/pruner", name=_name, node=_node, provider="hpsearch")
