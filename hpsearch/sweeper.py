"""Hydra sweeper `hpsearch`: an Optuna search that prunes, resumes, averages seeds and never waits.

Its configuration is that of Hydra's stock Optuna sweeper, and more. With the launcher `stacked` a trial takes a lane
the moment one is free; with any other launcher trials run in batches of `n_jobs`.
"""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException, InstantiationException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from hydra.utils import get_method, instantiate
from hydra_plugins.hydra_optuna_sweeper.config import OptunaSweeperConf, SamplerConfig, TPESamplerConfig
from omegaconf import MISSING, DictConfig, OmegaConf, open_dict, read_write

from hpsearch import interrupt, record
from hpsearch.attach import STORAGE, pruner_of
from hpsearch.usage import UsageError, exit_on_write_error, exit_on_wrong_usage

if TYPE_CHECKING:  # Optuna takes half a second that a grid need not wait for
    from hpsearch.lanes import Outcome
    from hpsearch.search import Search

SAMPLED_POINTS = 12  # whose training time a plan measures
REFUSED = (InstantiationException, ImportError, ValueError, TypeError, ArithmeticError)  # what classes say no with
SAMPLERS = ("optuna.samplers.*", "hydra_plugins.hydra_optuna_sweeper.*", "hpsearch.sweeper.auto_sampler")


@dataclass
class SweeperConf(OptunaSweeperConf):
    """``hydra/sweeper=hpsearch``: the stock sweeper's keys with other defaults, and its own."""

    _target_: str = "hpsearch.sweeper.OptunaSweeper"
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

    _target_: str = "hpsearch.sweeper.auto_sampler"
    seed: int | None = None


def auto_sampler(seed: int | None = None) -> Any:
    """OptunaHub's AutoSampler. Raises ImportError without the package."""
    import optunahub

    return optunahub.load_module("samplers/auto_sampler").AutoSampler(seed=seed)


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
        "_target_": "hpsearch.pruners.SynchronousHalvingPruner",
        "min_resource": 1,
        "reduction_factor": 3,
        "cohort": 27,
    },
    "one_epoch": {"_target_": "hpsearch.pruners.OneEpochPruner", "keep": 3, "cohort": 27, "epochs": 1},
}

_store = ConfigStore.instance().store
_store(group="hydra/sweeper", name="hpsearch", node=SweeperConf, provider="hpsearch")
_store(group="hydra/sweeper/sampler", name="tpe", node=TPEConf, provider="hpsearch", replace=True)
_store(group="hydra/sweeper/sampler", name="auto", node=AutoConf, provider="hpsearch")
for _name, _node in PRUNERS.items():
    _store(group="hydra/sweeper/pruner", name=_name, node=_node, provider="hpsearch")


class OptunaSweeper(Sweeper):
    """See the module's docstring."""

    def __init__(self, **conf: Any) -> None:
        pass  # `setup` reads the same from the whole configuration, where interpolations can be resolved

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.whole, self.conf = config, config.hydra.sweeper  # Sweeper has a `config` that may be None
        self.folder = Path(config.hydra.sweep.dir)
        self.url = self.conf.storage or f"sqlite:///{self.folder.parent / 'hpsearch.db'}"
        _hide_password(config, self.url)
        self.launcher: Any = Plugins.instance().instantiate_launcher(
            config=config, hydra_context=hydra_context, task_function=task_function
        )
        self.stream = getattr(task_function, "run_stream", None) if hasattr(self.launcher, "run_jobs") else None
        self.ours = hasattr(task_function, "run_stream")  # a task that leaves records
        self.context = hydra_context

    def sweep(self, arguments: list[str]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parts of Optuna that it calls experimental
            with exit_on_wrong_usage():
                if self.whole.get("plan"):
                    return print("\n".join(self._plan(arguments)))
                search = self._search(arguments)
            with exit_on_write_error(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                OmegaConf.save(self.whole, self.folder / "multirun.yaml")
            try:
                if self.stream is not None:
                    stream = self.stream(search, self.folder, self.launcher.lanes)
                    for ended, _ in self.launcher.run_jobs(stream, search.configs):
                        search.ended(ended.number, ended.outcome)
                else:
                    self._in_batches(search)
            finally:
                search.close()
        if search.stopped:
            print(f"stopped: {search.stopped}")
        if search.failures and not interrupt.asked():
            raise SystemExit(1)

    def _in_batches(self, search: "Search") -> None:
        while jobs := search.next(self.conf.n_jobs * search.width):
            numbers = [number for number, _ in jobs]
            returns = self.launcher.launch([search.overrides[number] for number in numbers], numbers[0])
            for number, returned in zip(numbers, returns, strict=True):
                search.ended(number, self._outcome(returned))

    def _outcome(self, returned: JobReturn) -> "Outcome":
        """What became of a job: its record says, or for another task its value."""
        from hpsearch.engine import History, Result
        from hpsearch.task import result_of

        if returned.status is not JobStatus.COMPLETED:
            error = returned._return_value
            return error if isinstance(error, Exception) else RuntimeError(str(error))
        if self.ours:
            assert returned.hydra_cfg is not None
            return result_of(record.load(Path(returned.hydra_cfg.hydra.runtime.output_dir)))
        try:
            return Result("finished", None, History([], [], [float(returned.return_value)]), 0.0, 1)
        except (TypeError, ValueError):
            return ValueError(f"the task must return a number, not {returned.return_value!r}")

    def _search(self, arguments: list[str]) -> "Search":
        """Whatever the user can have got wrong is found here, before anything is begun."""
        import optuna

        from hpsearch.check import checked
        from hpsearch.database import Database, StorageError
        from hpsearch.search import Budget, Search
        from hpsearch.space import parse
        from hpsearch.store import Store

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        conf = self.conf
        space = parse(conf.params or {}, conf.when, arguments)
        seeds = self._seeds(space.always.fixed.pop("seed", None))
        objectives = list(conf.objective) if OmegaConf.is_list(conf.objective) else [conf.objective]
        directions = _directions(objectives, conf.direction)
        budget = Budget(conf.n_trials, conf.timeout, conf.retry_failed, conf.max_failure_rate)
        pruner = self._pruner(len(objectives), len(seeds))
        sampler = _sampler_factory(conf.sampler)
        points = [space.point(dict(point)) for point in conf.enqueue]
        made_with = {"space": space.described, "seeds": seeds, "objective": objectives}
        if self.ours:
            corners = [self._compose(0, [*lines, f"seed={seeds[0]}"]) for lines in space.corners()]
            made_with["everything else"] = checked(corners, self.folder)[0].key
        name = conf.study_name or self.whole.name
        try:
            store = Store(Database(self.url), name, directions, objectives, pruner, budget.retry_failed)
        except StorageError as error:
            raise UsageError([str(error)]) from error
        try:
            other = store.remember(made_with)
            ended = sum(trial.state.is_finished() for trial in store.counted())
            if other:
                raise UsageError(
                    [f"the study {name} was made with another {other[0]}; go on with that, or give a new name=…"]
                )
            if budget.n_trials < ended:
                raise UsageError(
                    [f"hydra.sweeper.n_trials={budget.n_trials}: {name} has {ended} trials already; give more"]
                )
            store.study.sampler = sampler(len(store.study.get_trials(deepcopy=False)))
        except UsageError:
            store.database.close()
            raise
        for point in points:
            store.study.enqueue_trial(point, skip_if_exists=True)
        os.environ[STORAGE] = self.url
        custom = get_method(conf.custom_search_space) if conf.custom_search_space else None
        return Search(
            store,
            space,
            objectives,
            seeds,
            budget,
            self._compose,
            (lambda config: checked([config])[0]) if self.ours else (lambda config: None),
            len(record.run_folders(self.folder)) if self.folder.is_dir() else 0,
            custom and partial(custom, self.whole),
            elsewhere=self.stream is None,
        )

    def _plan(self, arguments: list[str]) -> list[str]:
        """What a search would do; its time is that of random points."""
        import optuna

        from hpsearch import plan
        from hpsearch.check import checked
        from hpsearch.report.wording import count
        from hpsearch.space import parse, suggest

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        space = parse(self.conf.params or {}, self.conf.when, arguments)
        seeds = self._seeds(space.always.fixed.pop("seed", None))
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        points = [space.overrides(partial(suggest, study.ask())) for _ in range(SAMPLED_POINTS)]
        corners = [self._compose(0, [*lines, f"seed={seeds[0]}"]) for lines in space.corners()]
        checked(corners, self.folder)
        jobs = checked([self._compose(0, [*lines, f"seed={seed}"]) for lines in points for seed in seeds])
        name, runs = self.conf.study_name or self.whole.name, 0
        if not self.url.startswith("sqlite:///") or Path(self.url.removeprefix("sqlite:///")).exists():
            runs = _finished(self.url, name)
        left = max(0, self.conf.n_trials - runs)
        return [
            f"the space of {name}:",
            *(f"  {line}" for line in space.described),
            f"{count(self.conf.n_trials, 'trial')} on {count(len(seeds), 'seed')} ({', '.join(map(str, seeds))}), "
            f"{runs} in the study already; pruner: {self.conf.pruner._target_.rpartition('.')[2]}",
            f"to be run: {count(left * len(seeds), 'run')}",
            *plan.estimate(jobs, getattr(self.launcher, "lanes", 1), left * len(seeds)),
            plan.NOTHING,
        ]

    def _compose(self, number: int, overrides: Sequence[str]) -> DictConfig:
        try:
            config: DictConfig = self.context.config_loader.load_sweep_config(self.whole, list(overrides))
        except HydraException as error:
            raise UsageError([" ".join(str(error).split())]) from error
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = str(number), number
        return config

    def _seeds(self, fixed: str | None) -> list[int]:
        conf = self.conf.seeds
        if conf is None:
            return [int(fixed) if fixed is not None else self.whole.seed]
        if fixed is not None:
            raise UsageError([f"seed={fixed}: hydra.sweeper.seeds={conf} says on which seeds; leave one of them out"])
        try:
            line = f"seed={conf}" if isinstance(conf, str) else f"seed={','.join(map(str, conf))}"
            override = OverridesParser.create().parse_override(line)
            found = [override.value()] if not override.is_sweep_override() else list(override.sweep_iterator())
            seeds = [int(seed) for seed in found]  # type: ignore[arg-type]
        except (HydraException, TypeError, ValueError):
            seeds = []
        if not seeds or len(set(seeds)) < len(seeds):
            raise UsageError([f"hydra.sweeper.seeds={conf}: must be different whole numbers, as [0,1,2] or range(3)"])
        return seeds

    def _pruner(self, objectives: int, seeds: int) -> Any:
        """Raises UsageError for settings that its class refuses, or that the search cannot follow."""
        import optuna

        name = self.conf.pruner._target_.rpartition(".")[2]
        try:
            pruner = pruner_of(self.conf.pruner)
            if objectives == 1:  # some look at their settings only when they are asked
                probe = optuna.create_study(pruner=pruner_of(self.conf.pruner)).ask()
                probe.report(0.5, 1)
                probe.should_prune()
        except REFUSED as error:
            raise UsageError([f"hydra/sweeper/pruner: {name} refuses its settings: {_reason(error)}"]) from error
        if objectives > 1 and name != "NopPruner":
            raise UsageError([f"hydra/sweeper/pruner: {name} cannot judge {objectives} objectives; none can"])
        if name == "WilcoxonPruner" and seeds < 3:
            raise UsageError(
                [f"hydra/sweeper/pruner=wilcoxon: compares seeds and has {seeds}; hydra.sweeper.seeds=range(5)"]
            )
        cohort, lanes = getattr(pruner, "cohort", 0) * seeds, getattr(self.launcher, "lanes", 0)
        if self.stream is not None and cohort > lanes:
            raise UsageError(
                [
                    f"hydra.sweeper.pruner.cohort={pruner.cohort}: on {seeds} seeds a cohort takes {cohort} lanes; "
                    f"raise hydra.launcher.lanes={lanes} or lower the cohort"
                ]
            )
        return pruner


def _finished(url: str, name: str) -> int:
    """Trials of a study that count; 0 where there is none."""
    import optuna

    from hpsearch.database import Database, StorageError
    from hpsearch.store import AGAIN

    try:
        database = Database(url)
        if name not in optuna.get_all_study_names(storage=database.storage):
            return 0
        trials = database.trials(database.storage.get_study_id_from_name(name))
        return sum(trial.state.is_finished() and AGAIN not in trial.user_attrs for trial in trials)
    except StorageError as error:
        raise UsageError([str(error)]) from error


def _sampler_factory(conf: DictConfig) -> Callable[[int], Any]:
    """Makes the sampler for a study of so many trials; a seeded one goes on from there, not from its first point."""
    plain: Any = OmegaConf.to_container(conf, resolve=True)
    plain = {key: value for key, value in plain.items() if value is not None}
    name = plain["_target_"].rpartition(".")[2]
    if name == "GridSampler":
        raise UsageError(["hydra/sweeper/sampler=grid: a grid needs no sampler; leave hydra/sweeper=hpsearch out"])

    def make(trials: int) -> Any:
        if trials and "seed" in plain:  # SeedSequence: streams that do not overlap
            import numpy as np

            plain["seed"] = int(np.random.SeedSequence([plain["seed"], trials]).generate_state(1)[0])
        return instantiate(plain, _execution_whitelist_=SAMPLERS)

    try:
        make(0)
    except REFUSED as error:
        raise UsageError([f"hydra/sweeper/sampler: {name}: {_reason(error)}"]) from error
    return make


def _reason(error: Exception) -> str:
    """What the class itself said, in a line; for a package that is missing, how to install it."""
    cause = error.__cause__ or error
    if isinstance(cause, ModuleNotFoundError):
        return f"needs a package that is not here; pip install {cause.name}"
    return " ".join(str(cause).split())


def _directions(objectives: list[str], given: Any) -> list[str]:
    from hpsearch.search import OBJECTIVES

    unknown = [name for name in objectives if name not in OBJECTIVES]
    if unknown or not objectives or len(set(objectives)) < len(objectives):
        raise UsageError([f"hydra.sweeper.objective={objectives}: must be one or several of {', '.join(OBJECTIVES)}"])
    if given is None:
        return [OBJECTIVES[name][0] for name in objectives]
    several = list(given) if OmegaConf.is_list(given) else [given]
    directions = [getattr(one, "name", str(one)) for one in several]
    if len(directions) != len(objectives) or not set(directions) <= {"minimize", "maximize"}:
        must = f"minimize or maximize, once for each of {', '.join(objectives)}"
        raise UsageError([f"hydra.sweeper.direction={','.join(directions)}: must be {must}"])
    return directions


def _hide_password(config: DictConfig, url: str) -> None:
    """In all that is saved or printed of the configuration."""
    from hpsearch.database import masked

    shown = masked(url)
    if shown == url:
        return
    with read_write(config.hydra.sweeper), read_write(config.hydra.overrides.hydra):
        if not OmegaConf.is_interpolation(config.hydra.sweeper, "storage"):
            config.hydra.sweeper.storage = shown
        typed = config.hydra.overrides.hydra
        for place, line in enumerate(typed):
            typed[place] = line.replace(url, shown)
