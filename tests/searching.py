"""Searches for the tests: what a command leaves in its study, and a search whose runs give curves that are made up.

Of a made-up search everything is real but the training: settings, sampler, pruner, study, storage, driver, scheduler.
"""

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import torch
from omegaconf import DictConfig, OmegaConf
from optuna.trial import FrozenTrial, TrialState

from hpsearch.components.metric import METRICS
from hpsearch.engine.result import History, Result
from hpsearch.search import settings
from hpsearch.search.bulk import BulkStorage
from hpsearch.search.driver import Search
from hpsearch.search.owners import Owners
from hpsearch.search.settings import Settings
from hpsearch.search.space_syntax import parse
from hpsearch.search.study import MirroredStudy
from hpsearch.workers import scheduler
from hpsearch.workers.run import Run
from tests.cli import TINY
from tests.composing import sweep_cfg

SEARCH = ("-m", *TINY, "hydra/sweeper=hpsearch", "hydra/sweeper/sampler=random", "hydra.sweeper.sampler.seed=0")
SPACE = ("optimizer=sgd,adam", "lr=tag(log, interval(0.001, 0.3))")
NUMBERS = count()  # of the searches, each as if by a process of its own
COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL


def trials_of(url: str, name: str) -> list[FrozenTrial]:
    """The trials of a study in a storage."""
    storage = optuna.storages.RDBStorage(url)
    try:
        return storage.get_all_trials(storage.get_study_id_from_name(name))
    finally:
        storage.engine.dispose()


def by_point(found: Sequence[FrozenTrial]) -> dict[str, FrozenTrial]:
    """The complete trials, by their configuration."""
    return {trial.user_attrs["configuration"]: trial for trial in found if trial.state is COMPLETE}


@contextmanager
def _quiet() -> Iterator[None]:
    """Inside there are no warnings of parts of Optuna that it calls experimental, as in the sweeper."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_settings(*arguments: str, lanes: int | None = 48) -> tuple[DictConfig, Settings]:
    """The configuration and the settings of a search, as its sweeper reads them. Raises UsageError."""
    cfg = sweep_cfg(*SEARCH[1:], *arguments)
    sweeper_cfg = cfg.hydra.sweeper
    typed: Any = OmegaConf.to_container(cfg.hydra.overrides.task)
    space = parse(sweeper_cfg.params or {}, sweeper_cfg.when, typed, more=bool(sweeper_cfg.custom_search_space))
    with _quiet():
        return cfg, settings.read(cfg, space, lanes, lambda: METRICS["accuracy"])


Curve = Sequence[float] | Exception  # the validation accuracy of each epoch; or the run's error


@dataclass(frozen=True)
class MadeUp:
    """A run, in place of a lane spec."""

    curve: Curve

    @property
    def epochs(self) -> int:
        return 1 if isinstance(self.curve, Exception) else len(self.curve)


class MadeUpTrainer:
    """A `Trainer` that computes nothing. A run whose accuracy is nan has diverged."""

    def __init__(self) -> None:
        self._runs: dict[int, tuple[MadeUp, History]] = {}

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def indices(self) -> list[int]:
        return list(self._runs)

    def enter(self, index: int, spec: MadeUp) -> None:
        if isinstance(spec.curve, Exception):
            raise spec.curve
        self._runs[index] = spec, History()

    def epoch(self, resting: Collection[int] = ()) -> dict[int, History]:
        training = {index: run for index, run in self._runs.items() if index not in resting}
        for spec, history in training.values():
            assert not isinstance(spec.curve, Exception)
            accuracy = spec.curve[len(history.val_metric)]
            history.train_loss.append(1 - accuracy)
            history.val_loss.append(1 - accuracy)
            history.val_metric.append(accuracy)
        return {index: history for index, (_, history) in training.items()}

    def leave(self, pruned: Collection[int] = ()) -> list[tuple[int, Result]]:
        left = []
        for index, (spec, history) in list(self._runs.items()):
            last = history.val_metric[-1]
            done = "finished" if len(history.val_metric) == spec.epochs else "pruned" if index in pruned else None
            status = "diverged" if last != last else done
            if status is not None:
                metrics = {"val_accuracy": last, "val_loss": history.val_loss[-1]}
                left.append((index, Result(status, None, history, 2.0, 1, parameters=10, metrics=metrics)))
                del self._runs[index]
        return left


def new_search(
    folder: Path,
    curve: Callable[[Mapping[str, str]], Curve],
    *arguments: str,
    lanes: int = 48,
    trained: list[dict[str, str]] | None = None,
) -> Search:
    """A search in the storage ``folder/a.db``. curve: of a run, from its overrides by key. trained: takes the overrides
    of each run that begins."""
    cfg, found = read_settings(*arguments, lanes=lanes)
    mirror = MirroredStudy(
        BulkStorage(f"sqlite:///{folder / 'a.db'}"),
        "s",
        found.directions,
        found.objectives,
        found.pruner,
        Owners(folder, f"here:1:{next(NUMBERS)}"),
        found.budget.retry_failed,
    )
    mirror.study.sampler = found.sampler(len(mirror.study.get_trials(deepcopy=False)))
    for point in found.points:
        mirror.study.enqueue_trial(point, skip_if_exists=True)

    def prepare(number: int, overrides: list[str]) -> Run:
        values = dict(line.split("=", 1) for line in overrides)
        if trained is not None:
            trained.append(values)
        device = torch.device("meta")  # not the CPU: it is never forked
        place: Any = SimpleNamespace(device=device, metric=METRICS["accuracy"])
        made_up: Any = MadeUp(curve(values))
        return Run(values, str(number), overrides, (str(number), place.device), made_up, place, MadeUpTrainer)

    return Search(mirror, found.draw, found.objectives, found.seeds, found.budget, prepare, 0, elsewhere=False)


def search(folder: Path, curve: Callable[[Mapping[str, str]], Curve], *arguments: str, **options: Any) -> Search:
    """`new_search`, run to its end."""
    made = new_search(folder, curve, *arguments, **options)
    with _quiet(), closing(made):
        for number, outcome in scheduler.train(made, options.get("lanes", 48)):
            made.ended(number, outcome)
    return made


def stored(folder: Path) -> list[FrozenTrial]:
    """The trials of `search` as they are in the storage."""
    return trials_of(f"sqlite:///{folder / 'a.db'}", "s")
