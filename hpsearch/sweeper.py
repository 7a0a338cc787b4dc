"""Hydra sweeper `hpsearch`: an Optuna search that prunes, resumes, averages seeds and never waits.

Its configuration is that of Hydra's stock Optuna sweeper, and more. With the launcher `stacked` a trial takes a lane
the moment one is free; with any other launcher trials run in batches of `n_jobs`.
"""

import os
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from hydra.utils import get_method
from omegaconf import DictConfig, OmegaConf, read_write

from hpsearch import interrupt, record, sweeper_config  # noqa: F401  # registers the configuration
from hpsearch.attach import STORAGE, pruner_of
from hpsearch.ranges import require
from hpsearch.samplers import REFUSED, reason_of, sampler_factory
from hpsearch.usage import UsageError, exit_on_write_error, exit_on_wrong_usage

if TYPE_CHECKING:  # Optuna takes half a second that a grid need not wait for
    from hpsearch.lanes import Outcome
    from hpsearch.search import Search
    from hpsearch.space import Space

SAMPLED_POINTS = 12  # whose training time a plan measures


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
                grid = self._grid(arguments)
                if self.whole.get("plan") and not grid:
                    return print("\n".join(self._plan(arguments)))
                search = None if grid else self._search(arguments)
            with exit_on_write_error(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                OmegaConf.save(self.whole, self.folder / "multirun.yaml")
            if search is None:
                for returned in self.launcher.launch(grid, 0):
                    _ = returned.return_value  # raises what the job has raised
                return None
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

    def _grid(self, arguments: list[str]) -> list[list[str]]:
        """The jobs where `arguments` leave nothing to search: the one point, on each seed. None otherwise.

        So a trial's own command, and one with more seeds, repeats it under the search that it came from.
        """
        seeds = [line.removeprefix("seed=") for line in arguments if line.startswith("seed=")]
        rest = [line for line in arguments if not line.startswith("seed=")]
        point, *others = self._space(rest).corners()
        if others or self.conf.custom_search_space:
            return []
        return [[*point, f"seed={seed}"] for seed in self._seeds(seeds[-1] if seeds else None, searching=False)]

    def _in_batches(self, search: "Search") -> None:
        while jobs := search.next(self.conf.n_jobs * search.width):
            numbers = [number for number, _ in jobs]
            returns = self.launcher.launch([search.overrides[number] for number in numbers], numbers[0])
            for number, returned in zip(numbers, returns, strict=True):
                search.ended(number, self._outcome(returned))

    def _outcome(self, returned: JobReturn) -> "Outcome":
        """What became of a job: its record says, or for another task its value."""
        from hpsearch.engine import History, Result
        from hpsearch.results import result_of

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
        from hpsearch.store import Store

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        conf = self.conf
        space = self._space(arguments)
        seeds = self._seeds(space.always.fixed.pop("seed", None))
        objectives = list(conf.objective) if OmegaConf.is_list(conf.objective) else [conf.objective]
        directions = _directions(objectives, conf.direction)
        try:
            budget = Budget(conf.n_trials, conf.timeout, conf.retry_failed, conf.max_failure_rate)
            require(conf.n_jobs >= 1, "hydra.sweeper.n_jobs", conf.n_jobs, "at least 1")
        except ValueError as error:
            raise UsageError([str(error)]) from error
        pruner = self._pruner(len(objectives), len(seeds))
        sampler = sampler_factory(conf.sampler)
        points = [space.point(point) for point in conf.enqueue]
        custom = _function(conf.custom_search_space)
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
        from hpsearch.space import suggest

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        space = self._space(arguments)
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
        pruner = self.conf.pruner._target_.rpartition(".")[2]
        return [
            f"the space of {name}:",
            *(f"  {line}" for line in space.described),
            f"{count(self.conf.n_trials, 'trial')} on {count(len(seeds), 'seed')} ({', '.join(map(str, seeds))}), "
            f"{runs} in the study already; pruner: {pruner}",
            f"to be run{', if none is pruned' * (pruner != 'NopPruner')}: {count(left * len(seeds), 'run')}",
            *plan.estimate(jobs, getattr(self.launcher, "lanes", 1), left * len(seeds)),
            plan.NOTHING,
        ]

    def _space(self, arguments: list[str]) -> "Space":
        from hpsearch.space import parse

        return parse(self.conf.params or {}, self.conf.when, arguments, more=bool(self.conf.custom_search_space))

    def _compose(self, number: int, overrides: Sequence[str]) -> DictConfig:
        try:
            if self.stream is not None:
                composed: DictConfig = self.launcher.compose(number, overrides)
                return composed
            config: DictConfig = self.context.config_loader.load_sweep_config(self.whole, list(overrides))
        except HydraException as error:
            raise UsageError([" ".join(str(error).split())]) from error
        config.hydra.job.id, config.hydra.job.num = str(number), number
        return config

    def _seeds(self, typed: str | None, searching: bool = True) -> list[int]:
        """Of each trial; `typed` is what the command line has for ``seed``."""
        conf = self.conf.seeds
        if typed is not None and conf is not None and searching:
            raise UsageError([f"seed={typed}: hydra.sweeper.seeds={conf} says on which seeds; leave one of them out"])
        key, given = ("hydra.sweeper.seeds", conf) if typed is None else ("seed", typed)
        if given is None:
            return [self.whole.seed]
        try:
            line = f"seed={given}" if isinstance(given, str) else f"seed={','.join(map(str, given))}"
            override = OverridesParser.create().parse_override(line)
            found = [override.value()] if not override.is_sweep_override() else list(override.sweep_iterator())
            seeds = [int(seed) for seed in found]  # type: ignore[arg-type]
        except (HydraException, TypeError, ValueError):
            seeds = []
        if not seeds or len(set(seeds)) < len(seeds):
            raise UsageError([f"{key}={given}: must be different whole numbers, as [0,1,2]"])
        return seeds

    def _pruner(self, objectives: int, seeds: int) -> Any:
        """Raises UsageError for settings that its class refuses, or that the search cannot follow."""
        import optuna

        name = self.conf.pruner._target_.rpartition(".")[2]
        lanes = getattr(self.launcher, "lanes", 0)
        make = partial(pruner_of, self.conf.pruner, *([lanes // seeds] if self.stream is not None else []))
        try:
            pruner = make()
            if objectives == 1:  # some look at their settings only when they are asked
                probe = optuna.create_study(pruner=make()).ask()
                probe.report(0.5, 1)
                probe.should_prune()
        except REFUSED as error:
            raise UsageError([f"hydra/sweeper/pruner: {name} refuses its settings: {reason_of(error)}"]) from error
        if objectives > 1 and name != "NopPruner":
            raise UsageError([f"hydra/sweeper/pruner: {name} cannot judge {objectives} objectives; none can"])
        if name == "WilcoxonPruner" and seeds < 3:
            raise UsageError(
                [f"hydra/sweeper/pruner=wilcoxon: compares seeds and has {seeds}; hydra.sweeper.seeds=[0,1,2,3,4]"]
            )
        cohort = getattr(pruner, "cohort", 0) * seeds
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


def _function(path: str | None) -> Callable[..., object] | None:
    try:
        return get_method(path) if path else None
    except (ImportError, ValueError) as error:
        must = "must be module.function of a module that can be imported"
        raise UsageError([f"hydra.sweeper.custom_search_space={path}: {must}"]) from error


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
