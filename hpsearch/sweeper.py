"""Hydra sweeper `hpsearch`: an Optuna search that prunes, resumes, averages seeds and never waits.

Its configuration is that of Hydra's stock Optuna sweeper, and more. With the launcher `stacked` a trial takes a lane
the moment one is free; with any other launcher trials run in batches of `n_jobs`.
"""

import os
import warnings
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, read_write

from hpsearch import interrupt, record, sweeper_config  # noqa: F401  # registers the configuration
from hpsearch.attach import STORAGE
from hpsearch.hydra_errors import line_of
from hpsearch.ranges import require
from hpsearch.usage import UsageError, exit_on_write_error, exit_on_wrong_usage

if TYPE_CHECKING:  # Optuna takes half a second that a grid need not wait for
    from hpsearch.database import Database
    from hpsearch.lanes import Outcome
    from hpsearch.search import Search
    from hpsearch.search_settings import Settings
    from hpsearch.space import Space

SAMPLED_POINTS = 12  # whose training time a plan measures


class OptunaSweeper(Sweeper):
    """See the module's docstring."""

    def __init__(self, **conf: Any) -> None:
        pass  # `setup` reads the same from the whole configuration, where interpolations can be resolved

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.whole, self.conf = config, config.hydra.sweeper  # Sweeper has a `config` that may be None
        self.folder = Path(config.hydra.sweep.dir)
        self.name = self.conf.study_name or config.name
        self.url = str(self.conf.storage or f"sqlite:///{self.folder.parent / 'hpsearch.db'}")
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
                    return print("\n".join(self._plan(*self._settings(arguments))))
                search = None if grid else self._search(*self._settings(arguments))
            with exit_on_write_error(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                OmegaConf.save(self.whole, self.folder / "multirun.yaml")
            if search is None:
                for returned in self.launcher.launch(grid, 0):
                    _ = returned.return_value  # raises what the job has raised
                return None
            with exit_on_wrong_usage(begun=True), closing(search):
                if self.stream is not None:
                    stream = self.stream(search, self.folder, self.launcher.lanes)
                    for ended, _ in self.launcher.run_jobs(stream, search.configs):
                        search.ended(ended.number, ended.outcome)
                else:
                    self._in_batches(search)
        if search.stopped:
            print(f"stopped: {search.stopped}")
        if search.failures and not interrupt.asked():
            raise SystemExit(1)

    def _grid(self, arguments: list[str]) -> list[list[str]]:
        """The jobs where `arguments` leave nothing to search: the one point, on each seed. None otherwise.

        So a trial's own command, and one with more seeds, repeats it under the search that it came from.
        """
        from hpsearch.search_settings import seeds_of

        seeds = [line.removeprefix("seed=") for line in arguments if line.startswith("seed=")]
        rest = [line for line in arguments if not line.startswith("seed=")]
        point, *others = self._space(rest).corners()
        if others or self.conf.custom_search_space:
            return []
        return [[*point, f"seed={s}"] for s in seeds_of(self.whole, seeds[-1] if seeds else None, searching=False)]

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

    def _settings(self, arguments: list[str]) -> "tuple[Settings, dict[str, Any]]":
        """What is asked for, and what its study is made with: whatever the user can have got wrong is found."""
        import optuna

        from hpsearch import search_settings
        from hpsearch.check import checked
        from hpsearch.store import CONFIGURATION

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        lanes = self.launcher.lanes if self.stream is not None else None
        found = search_settings.read(self.whole, self._space(arguments), lanes)
        made_with = {"space": found.space.described, "seeds": found.seeds}
        made_with |= {"objective": found.objectives, "direction": found.directions}
        if self.ours:
            corners = [*found.space.corners(), *([found.probe] if self.conf.custom_search_space else [])]
            configs = [self._compose(0, [*lines, f"seed={found.seeds[0]}"]) for lines in corners]
            try:
                made_with[CONFIGURATION] = checked(configs, self.folder)[0].config
            except UsageError as error:  # both ends of an interval may be wrong: it is enough to be told of one
                first = {fault.partition("=")[0]: fault for fault in reversed(error.faults)}
                raise UsageError(list(first.values())[::-1]) from error
        return found, made_with

    def _database(self, found: "Settings", made_with: dict[str, Any]) -> "tuple[Database, int]":
        """The storage, and how many trials the study has. Raises UsageError if that is another search's."""
        from hpsearch.database import Database
        from hpsearch.store import counted_in

        database = Database(self.url)
        try:
            ended = counted_in(database, self.name, made_with)
            least = f"at least the {ended} that {self.name} has already"
            require(found.budget.n_trials >= ended, "hydra.sweeper.n_trials", found.budget.n_trials, least)
        except UsageError:
            database.close()
            raise
        return database, ended

    def _search(self, found: "Settings", made_with: dict[str, Any]) -> "Search":
        from hpsearch.check import checked
        from hpsearch.search import Search
        from hpsearch.store import Store

        database, _ = self._database(found, made_with)
        try:
            store = Store(
                database, self.name, found.directions, found.objectives, found.pruner, found.budget.retry_failed
            )
            store.remember(made_with)
            store.study.sampler = found.sampler(len(store.study.get_trials(deepcopy=False)))
        except UsageError:
            database.close()
            raise
        for point in found.points:
            store.study.enqueue_trial(point, skip_if_exists=True)
        os.environ[STORAGE] = self.url
        return Search(
            store,
            found.draw,
            found.objectives,
            found.seeds,
            found.budget,
            self._compose,
            (lambda config: checked([config])[0]) if self.ours else (lambda config: None),
            len(record.run_folders(self.folder)) if self.folder.is_dir() else 0,
            elsewhere=self.stream is None,
        )

    def _plan(self, found: "Settings", made_with: dict[str, Any]) -> list[str]:
        """What a search would do; its time is that of random points."""
        import optuna

        from hpsearch import plan
        from hpsearch.check import checked
        from hpsearch.report.wording import count

        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), directions=found.directions)
        points = [found.draw(study)[1] for _ in range(SAMPLED_POINTS)]
        jobs = checked([self._compose(0, [*lines, f"seed={seed}"]) for lines in points for seed in found.seeds])
        ended = 0
        if not self.url.startswith("sqlite:///") or Path(self.url.removeprefix("sqlite:///")).exists():
            database, ended = self._database(found, made_with)
            database.close()
        runs = (found.budget.n_trials - ended) * len(found.seeds)
        pruner = type(found.pruner).__name__
        return [
            f"the space of {self.name}:",
            *(f"  {line}" for line in found.space.described),
            f"{count(found.budget.n_trials, 'trial')} on {count(len(found.seeds), 'seed')} "
            f"({', '.join(map(str, found.seeds))}), {ended} in the study already; pruner: {pruner}",
            f"to be run{', if none is pruned' * (pruner != 'NopPruner')}: {count(runs, 'run')}",
            *plan.estimate(jobs, getattr(self.launcher, "lanes", 1), runs),
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
            raise UsageError([line_of(error)]) from error
        config.hydra.job.id, config.hydra.job.num = str(number), number
        return config


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
