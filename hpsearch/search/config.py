"""``hydra/sweeper=hpsearch`` and its groups: the keys of Hydra's stock Optuna sweeper, and more."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra_plugins.hydra_optuna_sweeper.config import OptunaSweeperConf, SamplerConfig, TPESamplerConfig
from omegaconf import MISSING


@dataclass
class SweeperConf(OptunaSweeperConf):
    """``hydra/sweeper=hpsearch``: the stock sweeper's keys with other defaults, and its own."""

    _target_: str = "hpsearch.cli.sweeper.OptunaSweeper"
    defaults: list[Any] = field(default_factory=lambda: [{"sampler": "tpe"}, {"pruner": "none"}])
    direction: Any = None  # null: the objective's own
    n_trials: int = 50  # of the study in all
    n_jobs: int = 2  # trials of a batch, for launchers without lanes
    max_failure_rate: float = 0.5  # of n_trials, over the whole study
    pruner: Any = MISSING
    objective: Any = "val_accuracy"  # or several: [val_accuracy, seconds, parameters]
    seeds: Any = None  # each trial runs on these, the mean is its objective; null: on the one of `seed`
    when: dict[str, Any] = field(default_factory=dict)  # parameters that exist only where key=value
    enqueue: list[Any] = field(default_factory=list)  # points to begin with: {lr: 0.1, optimizer: sgd}
    timeout: float | None = None  # seconds after which no trial is begun
    retry_failed: int = 0  # times


@dataclass
class TPEConf(TPESamplerConfig):
    """Null is Optuna's own default, which for these is not the stock sweeper's."""

    multivariate: Any = None
    constant_liar: Any = None


@dataclass
class AutoConf(SamplerConfig):
    """OptunaHub's choice among Optuna's samplers."""

    _target_: str = "hpsearch.search.samplers.auto_sampler"
    seed: int | None = None


PRUNERS: dict[str, dict[str, Any]] = {  # name -> class and its arguments
    "none": {"_target_": "optuna.pruners.NopPruner"},
    "median": {
        "_target_": "optuna.pruners.MedianPruner",
        "n_startup_trials": 5,
        "n_warmup_steps": 0,
        "interval_steps": 1,
        "n_min_trials": 1,
    },
    "percentile": {
        "_target_": "optuna.pruners.PercentilePruner",
        "percentile": 25.0,  # the best that stay
        "n_startup_trials": 5,
        "n_warmup_steps": 0,
        "interval_steps": 1,
        "n_min_trials": 1,
    },
    "hyperband": {
        "_target_": "optuna.pruners.HyperbandPruner",
        "min_resource": 1,
        "max_resource": "${epochs}",
        "reduction_factor": 3,
    },
    "successive_halving": {
        "_target_": "optuna.pruners.SuccessiveHalvingPruner",
        "min_resource": 1,
        "reduction_factor": 3,
        "min_early_stopping_rate": 0,
        "bootstrap_count": 0,
    },
    "patient": {
        "_target_": "optuna.pruners.PatientPruner",
        "wrapped_pruner": None,
        "patience": 5,
        "min_delta": 0.0,
    },
    "threshold": {
        "_target_": "optuna.pruners.ThresholdPruner",
        "lower": None,
        "upper": None,
        "n_warmup_steps": 0,
        "interval_steps": 1,
    },
    "wilcoxon": {"_target_": "optuna.pruners.WilcoxonPruner", "p_threshold": 0.1, "n_startup_steps": 2},
    "synchronous_halving": {
        "_target_": "hpsearch.search.pruners.SynchronousHalvingPruner",
        "min_resource": 1,
        "reduction_factor": 3,
        "cohort": None,  # as many as have lanes, at most 27
    },
    "one_epoch": {"_target_": "hpsearch.search.pruners.OneEpochPruner", "keep": 3, "cohort": None, "epochs": 1},
}

_store = ConfigStore.instance().store
_store(group="hydra/sweeper", name="hpsearch", node=SweeperConf, provider="hpsearch")
_store(group="hydra/sweeper/sampler", name="tpe", node=TPEConf, provider="hpsearch", replace=True)
_store(group="hydra/sweeper/sampler", name="auto", node=AutoConf, provider="hpsearch")
for _name, _node in PRUNERS.items():
    _store(group="hydra/sweeper/pruner", name=_name, node=_node, provider="hpsearch")
