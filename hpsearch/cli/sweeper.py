"""Hydra sweeper `hpsearch`: an Optuna search that prunes, resumes, averages seeds and never waits.

Its configuration is that of Hydra's stock Optuna sweeper, and more. With the launcher `stacked` a trial takes a lane
the moment one is free; with any other launcher trials run in batches of `n_jobs`.

Long, because grid, search and plan of one command share its settings.
"""

import os
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from hpsearch.cli import interrupt, storage_url, travelling_task, trusted
from hpsearch.cli.compose import set_number
from hpsearch.cli.error_lines import line_of
from hpsearch.cli.launcher import StackedLauncher, is_ours
from hpsearch.cli.storage_url import STORAGE
from hpsearch.cli.task_function import Task, overrides_of
from hpsearch.errors import (
    NothingStarted,
    SweepError,
    UsageError,
    after_training_began,
    reason_of,
    require,
    write_errors,
)
from hpsearch.formatting import inert
from hpsearch.record.claim import Claim, release_all
from hpsearch.record.commands import dashboard_command
from hpsearch.record.file import write_text
from hpsearch.record.folders import run_folders
from hpsearch.record.implied import DEFAULT
from hpsearch.record.multirun import MULTIRUN
from hpsearch.search.config import SweeperConf  # noqa: F401  # importing it registers the configuration
from hpsearch.task.prepare import prepare

if TYPE_CHECKING:  # Optuna takes half a second that a grid need not wait for
    from hpsearch.components.metric import Metric
    from hpsearch.record.measure import Measure
    from hpsearch.search.bulk import BulkStorage
    from hpsearch.search.driver import Search
    from hpsearch.search.settings import Settings
    from hpsearch.search.space import Space
    from hpsearch.workers.run import Outcome, Run

WORKER_FILE = "worker "  # beginning of the name of a file in the folder of a submission: then the process of a task
SAMPLED_POINTS = 12  # whose training time a plan measures


class OptunaSweeper(Sweeper):
    """See the module's docstring."""

    def __init__(self, **sweeper_cfg: Any) -> None:
        pass  # `setup` reads the same from the whole configuration, where interpolations can be resolved

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_cfg, self.sweeper_cfg = config, config.hydra.sweeper
        self.ours = is_ours(task_function)  # its runs leave records, and its keys are those of hpsearch
        self.folder = Path(config.hydra.sweep.dir)
        if self.ours:
            trusted.check(config)  # also if a configuration has left out the callbacks
        own_name = config.get("name") or self.folder.name if self.ours else str(self.folder)
        self.name = self.sweeper_cfg.study_name or own_name
        if config.hydra.launcher.get("part"):  # a task, whose arguments must not hold a password
            self.url = _url_of_task()
        else:
            self.url = str(self.sweeper_cfg.storage or f"sqlite:///{self.folder.parent / 'hpsearch.db'}")
            storage_url.hide(config)
        if isinstance(task_function, Task):
            task_function = travelling_task.for_launcher(config.hydra.launcher._target_, self.url, task_function)
        self.launcher: Any = Plugins.instance().instantiate_launcher(
            config=config, hydra_context=hydra_context, task_function=task_function
        )
        self.seeded = self.ours or self.sweeper_cfg.seeds is not None  # a foreign task may have no such key
        self.stacks = self.ours and isinstance(self.launcher, StackedLauncher)
        self.away = self.stacks and bool(getattr(self.launcher, "away", False))  # its runs train on other machines
        self.context = hydra_context

    def sweep(self, arguments: list[str]) -> None:
        """Raises UsageError before anything trains, SweepError if trials have failed; HydraException in their place for
        a foreign task."""
        os.environ[STORAGE] = storage_url.absolute(self.url)  # because a job may run in another folder
        if self.ours:  # the results follow
            return self._sweep(arguments)
        from hpsearch.cli import foreign

        self.seeded = self.seeded or any(line.startswith("seed=") for line in arguments)
        try:
            with foreign.hydras_errors():
                self._sweep(arguments)
        finally:
            release_all()

    def _sweep(self, arguments: list[str]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parts of Optuna that it calls experimental
            warnings.filterwarnings("default", "Callback ")  # of a user's callback that raises
            grid = self._grid(arguments)
            if self.ours and self.hydra_cfg.plan and not grid:
                print("\n".join(self._plan(*self._settings(arguments))))
                raise NothingStarted
            if self.away and not grid:
                self.launcher.check_storage(self.url)
            settings = None if grid else self._settings(arguments)
            part = self.stacks and self.launcher.part
            if not (grid and part):
                self.claim = Claim(self.folder, shares=not grid)
            search = self._search(*settings) if settings else None
            if not part:
                with write_errors(self.folder):
                    self.folder.mkdir(parents=True, exist_ok=True)
                    write_text(self.folder / MULTIRUN, OmegaConf.to_yaml(self.hydra_cfg))
            if search is None or settings is None:
                for returned in self._launch(grid, 0):
                    _ = returned.return_value  # raises the failure of the run
                return
            search = self._train_away(search, *settings) if self.away else self._train(search)
        if search.stopped:
            print(f"stopped: {search.stopped}")
        if not self.ours:
            from hpsearch.cli import foreign

            foreign.write_results(search.mirror.study, self.folder)
        if search.failures and not interrupt.asked():
            failed, retries = f"{search.failures} of {len(search.mirror.counted())}", search.budget.retry_failed + 1
            why = f"{self.name}: {failed} trials failed ({inert(search.reason)})"
            raise SweepError([f"{why}; hydra.sweeper.retry_failed={retries} tries again"])

    def _train(self, search: "Search") -> "Search":
        try:
            with after_training_began(), closing(search):
                if self.stacks:
                    for ended, _ in self.launcher.train(search, search.overrides):
                        search.ended(ended.number, ended.outcome)
                else:
                    self._in_batches(search)
        finally:
            if not search.mirror.saved:
                self.claim.abandon()
        return search

    def _train_away(self, search: "Search", found: "Settings", made_with: dict[str, Any]) -> "Search":
        """Let tasks of the launcher train the trials; returns the search as they leave it."""
        from hpsearch.search.storage import masked

        search.close()
        trials = search.budget.n_trials - len(search.mirror.counted())
        own = self.url if self.sweeper_cfg.storage else None
        shown = dashboard_command(self.folder.parent, own and masked(own))
        failed = self.launcher.search(trials, search.seeds, self.name, shown)
        ended = [file.name.removeprefix(WORKER_FILE) for file in self.folder.glob(f"*/*/{WORKER_FILE}*")]
        with after_training_began(), closing(self._search(found, made_with, ended)) as search:
            if search.expected and failed:
                raise SweepError(failed)
        if search.expected:
            done = f"{len(search.mirror.counted())} of {search.budget.n_trials}"
            print(f"{done} trials; the logs of the tasks say why no further one began")
        return search

    def _grid(self, arguments: list[str]) -> list[list[str]]:
        """The jobs if `arguments` leave nothing to search: the one point on each seed. Empty otherwise.

        So the command of a trial, also with more seeds, repeats it under the search that it came from.
        """
        from hpsearch.search.settings import seeds_of

        seeds = [line.removeprefix("seed=") for line in arguments if line.startswith("seed=")]
        rest = [line for line in arguments if not line.startswith("seed=")]
        point, *others = self._space(rest).corners()
        if others or self.sweeper_cfg.custom_search_space:
            return []
        given = seeds[-1] if seeds else None
        return [[*point, f"seed={seed}"] for seed in seeds_of(self.hydra_cfg, given, searching=False)]

    def _in_batches(self, search: "Search") -> None:
        while runs := search.next_runs(self.sweeper_cfg.n_jobs * search.width):
            numbers = [number for number, _ in runs]
            returns = self._launch([search.overrides[number] for number in numbers], numbers[0])
            for number, returned in zip(numbers, returns, strict=True):
                outcome = self._outcome(returned, search.objectives)
                if isinstance(outcome, Exception):
                    print(
                        f"job {number} ({' '.join(search.overrides[number])}) failed: {reason_of(outcome)}", flush=True
                    )
                search.ended(number, outcome)

    def _launch(self, jobs: list[list[str]], first: int) -> Sequence[JobReturn]:
        if not self.seeded:
            jobs = [[line for line in job if not line.startswith("seed=")] for job in jobs]
        returns: Sequence[JobReturn] = self.launcher.launch(jobs, first)
        return returns

    def _outcome(self, returned: JobReturn, objectives: Sequence[str]) -> "Outcome":
        """The outcome of a job: from its record, or for another task function from its value."""
        from hpsearch.cli import foreign
        from hpsearch.record.file import read_record
        from hpsearch.task.outcome import result_of

        record = None
        if self.ours and returned.hydra_cfg is not None:
            record = read_record(Path(returned.hydra_cfg.hydra.runtime.output_dir))
        if record is not None:
            return SweepError([record["reason"]]) if record["status"] == "failed" else result_of(record)
        return foreign.outcome_of(returned, objectives)

    def _settings(self, arguments: list[str]) -> "tuple[Settings, dict[str, Any]]":
        """The settings of the search, and what its study is made with. Finds every fault of the user's."""
        import optuna

        from hpsearch.search import settings
        from hpsearch.search.study import CONFIGURATION

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        space, room = self._space(arguments), self.launcher.room if self.stacks else None
        found = settings.read(self.hydra_cfg, space, room, partial(self._metric, space) if self.ours else None)
        made_with = {"space": found.space.described, "seeds": found.seeds}
        made_with |= {"objective": found.objectives, "direction": found.directions}
        if self.ours:
            corners = [*found.space.corners(), *([found.probe] if self.sweeper_cfg.custom_search_space else [])]
            points = [[*lines, f"seed={found.seeds[0]}"] for lines in corners]
            try:
                first_run, *others = self._prepare_all(points, self.folder)
            except UsageError as error:  # both ends of an interval may be wrong: one is enough to report
                first = {fault.partition("=")[0]: fault for fault in reversed(error.faults)}
                raise UsageError(list(first.values())[::-1]) from error
            validated = [objective for objective in found.objectives if objective.startswith("val_")]
            if validated and not first_run.script and not len(first_run.data.validation):
                split = first_run.config.get("split", DEFAULT)["name"]
                raise UsageError(
                    [f"split={split}: leaves no rows for validation, and the search goes by {validated[0]}"]
                )
            for objective in found.objectives:
                _check_objective(objective, first_run)
            made_with[CONFIGURATION] = first_run.config
            if not first_run.script:
                runs = (first_run, *others)
                made_with["content of data"] = {run.config["data"]["name"]: run.content["data"] for run in runs}
        return found, made_with

    def _metric(self, space: "Space") -> "Metric | Measure":
        """The metric that selects."""
        return self._prepare_all([next(iter(space.corners()))])[0].metric

    def _storage(self, found: "Settings", made_with: dict[str, Any]) -> "tuple[BulkStorage, int]":
        """The storage, and the number of trials that the study has. Raises UsageError if it is another search's."""
        from hpsearch.search.bulk import BulkStorage
        from hpsearch.search.study import counted_in

        storage = BulkStorage(self.url)
        with _closed_on_fault(storage):
            ended = counted_in(storage, self.name, made_with)
            least = f"at least the {ended} that {self.name} has already"
            require(found.budget.n_trials >= ended, "hydra.sweeper.n_trials", found.budget.n_trials, least)
        return storage, ended

    def _search(self, found: "Settings", made_with: dict[str, Any], ended: Collection[str] = ()) -> "Search":
        """The search of a study. ended: processes of other machines that have ended."""
        from hpsearch.search.driver import Search
        from hpsearch.search.owners import Owners
        from hpsearch.search.study import MirroredStudy

        if self.stacks and self.launcher.part:
            (Path(self.launcher.part) / f"{WORKER_FILE}{self.claim.token}").touch()
        storage, _ = self._storage(found, made_with)
        with _closed_on_fault(storage):
            owners = Owners(self.folder, self.claim.token, ended)
            mirror = MirroredStudy(
                storage, self.name, found.directions, found.objectives, found.pruner, owners, found.budget.retry_failed
            )
            mirror.remember(made_with)
            mirror.study.sampler = found.sampler(len(mirror.study.get_trials(deepcopy=False)))
        for point in found.points:
            mirror.study.enqueue_trial(point, skip_if_exists=True)
        return Search(
            mirror,
            found.draw,
            found.objectives,
            found.seeds,
            found.budget,
            self._prepare if self.ours else lambda number, overrides: None,
            len(run_folders(self.folder)) if self.folder.is_dir() else 0,
            elsewhere=self.ours and not self.stacks,
            interrupted=interrupt.asked,
        )

    def _plan(self, found: "Settings", made_with: dict[str, Any]) -> list[str]:
        """The plan of a search, a line each. Its time is that of random points."""
        import optuna

        from hpsearch.formatting import count
        from hpsearch.task import plan

        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), directions=found.directions)
        points = [found.draw(study)[1] for _ in range(SAMPLED_POINTS)]
        runs = self._prepare_all([[*lines, f"seed={seed}"] for lines in points for seed in found.seeds])
        ended = 0
        if not self.url.startswith("sqlite:///") or Path(self.url.removeprefix("sqlite:///")).exists():
            storage, ended = self._storage(found, made_with)
            storage.close()
        expected = (found.budget.n_trials - ended) * len(found.seeds)
        pruner = type(found.pruner).__name__
        return [
            f"the space of {self.name}:",
            *(f"  {line}" for line in found.space.described),
            f"{count(found.budget.n_trials, 'trial')} on {count(len(found.seeds), 'seed')} "
            f"({', '.join(map(str, found.seeds))}), {ended} in the study already; pruner: {pruner}",
            f"to be run{', if none is pruned' * (pruner != 'NopPruner')}: {count(expected, 'run')}",
            *plan.data_lines(runs),
            *plan.estimate(runs, getattr(self.launcher, "lanes", 1), expected),
            plan.NOTHING,
        ]

    def _space(self, arguments: list[str]) -> "Space":
        from hpsearch.search.space_syntax import parse

        custom = bool(self.sweeper_cfg.custom_search_space)
        return parse(self.sweeper_cfg.params or {}, self.sweeper_cfg.when, arguments, more=custom)

    def _prepare(self, number: int, overrides: list[str]) -> "Run":
        return self._prepare_all([overrides], number=number)[0]

    def _prepare_all(self, jobs: list[list[str]], folder: Path | None = None, number: int = 0) -> "list[Run]":
        """The runs of several jobs. Raises UsageError with every fault."""
        try:
            return prepare(
                ((self._compose(number, lines), overrides_of(self.hydra_cfg.hydra, lines)) for lines in jobs),
                folder,
                self.away,
                complete=folder is not None,
                job=self.launcher.job if self.stacks else None,
            )
        except HydraException as error:
            raise UsageError([line_of(error)]) from error

    def _compose(self, number: int, overrides: list[str]) -> DictConfig:
        if self.stacks:
            composed: DictConfig = self.launcher.compose(number, overrides)
            return composed
        config: DictConfig = self.context.config_loader.load_sweep_config(self.hydra_cfg, list(overrides))
        set_number(config, number)
        return config


@contextmanager
def _closed_on_fault(storage: "BulkStorage") -> Iterator[None]:
    try:
        yield
    except UsageError:
        storage.close()
        raise


def _url_of_task() -> str:
    if STORAGE not in os.environ:
        raise UsageError([f"{STORAGE}: not in the environment of this task; sbatch must hand the environment on"])
    return os.environ[STORAGE]


def _check_objective(objective: str, run: "Run") -> None:
    """Raise UsageError for an objective that a run has no value of."""
    classifier = getattr(run.lane, "estimator", None)
    if classifier is not None:
        name = type(classifier).__name__
        loss = objective != "val_loss" or hasattr(classifier, "predict_proba")
        require(loss, "hydra.sweeper.objective", objective, f"another one: {name} has no probabilities and no loss")
        must = f"another one: {name} is no net, whose parameters are counted"
        require(objective != "parameters", "hydra.sweeper.objective", objective, must)
