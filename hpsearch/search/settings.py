"""What a search is asked for: whatever the user can have got wrong is found here, before anything is begun."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pkgutil import resolve_name
from typing import Any

import optuna
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from hpsearch.errors import UsageError, require
from hpsearch.formatting import count
from hpsearch.search.budget import Budget
from hpsearch.search.config import PRUNERS
from hpsearch.search.objectives import OBJECTIVES
from hpsearch.search.pruners import new_pruner
from hpsearch.search.samplers import blaming, sampler_factory
from hpsearch.search.space import Space, suggest

PROBED = 11  # trials: samplers begin with 10 random ones, unless told otherwise

Custom = Callable[[DictConfig, optuna.Trial], object]
Draw = Callable[[optuna.Study], tuple[optuna.Trial, list[str]]]


@dataclass(frozen=True)
class Settings:
    """sampler: makes one for a study of so many trials. points: to begin with. draw: asks a study for a trial, which it
    gives with its overrides; raises UsageError where sampler or custom space fail. probe: the overrides of one."""

    space: Space
    seeds: list[int]
    objectives: list[str]
    directions: list[Any]
    budget: Budget
    pruner: Any
    sampler: Callable[[int], Any]
    points: list[dict[str, Any]]
    draw: Draw
    probe: list[str]


def read(whole: DictConfig, space: Space, lanes: int | None) -> Settings:
    """From Hydra's `whole` configuration; lanes: of the launcher, None where it has none. Raises UsageError."""
    conf = whole.hydra.sweeper
    seeds = seeds_of(whole, space.always.fixed.pop("seed", None))
    objectives = list(conf.objective) if OmegaConf.is_list(conf.objective) else [conf.objective]
    directions = _directions(objectives, conf.direction)
    budget = Budget(conf.n_trials, conf.timeout, conf.retry_failed, conf.max_failure_rate)
    require(conf.n_jobs >= 1, "hydra.sweeper.n_jobs", conf.n_jobs, "at least 1")
    pruner = _pruner(conf.pruner, len(objectives), len(seeds), lanes)
    sampler = sampler_factory(conf.sampler)
    points = [space.point(point) for point in conf.enqueue]
    draw = partial(_draw, space, whole, conf.custom_search_space, _function(conf.custom_search_space))
    probe = _probe(optuna.create_study(sampler=sampler(0), directions=directions), draw, budget.n_trials)
    return Settings(space, seeds, objectives, directions, budget, pruner, sampler, points, draw, probe)


def seeds_of(whole: DictConfig, typed: str | None, searching: bool = True) -> list[int]:
    """Of each trial; `typed` is what the command line has for ``seed``."""
    conf = whole.hydra.sweeper.seeds
    if typed is not None and conf is not None and searching:
        raise UsageError([f"seed={typed}: hydra.sweeper.seeds={conf} says on which seeds; leave one of them out"])
    key, given = ("hydra.sweeper.seeds", conf) if typed is None else ("seed", typed)
    if given is None:
        return [whole.get("seed", 0)]
    try:
        line = f"seed={given}" if isinstance(given, str) else f"seed={','.join(map(str, given))}"
        override = OverridesParser.create().parse_override(line)
        found = [override.value()] if not override.is_sweep_override() else list(override.sweep_iterator())
        seeds = [seed for seed in found if isinstance(seed, int) and not isinstance(seed, bool)]
    except (HydraException, TypeError):
        found, seeds = [], []
    require(bool(seeds) and len(set(seeds)) == len(found), key, given, "different whole numbers, as [0,1,2]")
    return seeds


def _directions(objectives: list[str], given: Any) -> list[Any]:
    known = not set(objectives) - set(OBJECTIVES) and objectives and len(set(objectives)) == len(objectives)
    require(bool(known), "hydra.sweeper.objective", objectives, f"one or several of {', '.join(OBJECTIVES)}")
    if given is None:
        return [OBJECTIVES[name][0] for name in objectives]
    several = list(given) if OmegaConf.is_list(given) else [given]
    directions = [getattr(one, "name", str(one)) for one in several]
    known = len(directions) == len(objectives) and set(directions) <= {"minimize", "maximize"}
    must = f"minimize or maximize, once for each of {', '.join(objectives)}"
    require(known, "hydra.sweeper.direction", ",".join(directions), must)
    return directions


def _function(path: str | None) -> Custom | None:
    if path is None:
        return None
    must = "module.function of a module that can be imported"
    try:
        function: Custom = resolve_name(path)
    except (ImportError, AttributeError, ValueError):
        function = None  # type: ignore[assignment]
    require(callable(function), "hydra.sweeper.custom_search_space", path, must)
    return function


def _draw(
    space: Space, whole: DictConfig, path: str, custom: Custom | None, study: optuna.Study
) -> tuple[optuna.Trial, list[str]]:
    with blaming(f"hydra/sweeper/sampler: {type(study.sampler).__name__}"):
        trial = study.ask()
        overrides = space.overrides(partial(suggest, trial))
    before = set(trial.params)
    if custom is not None:
        with blaming(f"hydra.sweeper.custom_search_space={path}"):
            custom(whole, trial)
    return trial, [*overrides, *(f"{name}={value}" for name, value in trial.params.items() if name not in before)]


def _probe(study: optuna.Study, draw: Draw, n_trials: int) -> list[str]:
    """Much is refused only when a few trials are asked and told; the overrides of the first."""
    drawn = []
    for number in range(min(n_trials, PROBED)):
        trial, overrides = draw(study)
        drawn.append(overrides)
        with blaming(f"hydra/sweeper/sampler: {type(study.sampler).__name__}"):
            study.tell(trial, [number / PROBED] * len(study.directions))
    return drawn[0]


def _pruner(conf: DictConfig, objectives: int, seeds: int, lanes: int | None) -> Any:
    """Raises UsageError for settings that its class refuses, or that the search cannot follow."""
    name, key, on = conf._target_.rpartition(".")[2], "hydra.sweeper.pruner", f"on {count(seeds, 'seed')}"
    for option, default in next((node for node in PRUNERS.values() if node["_target_"] == conf._target_), {}).items():
        number = not isinstance(default, (int, float)) or isinstance(conf[option], (int, float))
        require(number, f"{key}.{option}", conf[option], "a number")
    require(conf.get("reduction_factor", 2) >= 2, f"{key}.reduction_factor", conf.get("reduction_factor"), "at least 2")
    if isinstance(most := conf.get("max_resource"), int):
        require(conf.min_resource <= most, f"{key}.min_resource", conf.min_resource, f"at most {most}, the epochs")
    wrapped = conf.get("wrapped_pruner")
    pruner_itself = "a pruner itself, as {_target_: optuna.pruners.MedianPruner}"
    require(wrapped is None or OmegaConf.is_dict(wrapped), f"{key}.wrapped_pruner", wrapped, pruner_itself)
    if lanes is not None and conf.get("cohort", 0) is None:
        least = f"at least {2 * seeds}, for 2 trials that {name} compares {on}"
        require(lanes >= 2 * seeds, "hydra.launcher.lanes", lanes, least)
    make = partial(new_pruner, conf, *(() if lanes is None else (lanes // seeds,)))
    with blaming(f"hydra/sweeper/pruner: {name} refuses its settings"):
        pruner = make()
        if objectives == 1:  # some look at their settings only when they are asked
            trial = optuna.create_study(pruner=make()).ask()
            trial.report(0.5, 1)
            trial.should_prune()
    if objectives > 1 and name != "NopPruner":
        raise UsageError([f"hydra/sweeper/pruner: {name} cannot judge {objectives} objectives; none can"])
    if name == "WilcoxonPruner" and seeds < 3:
        raise UsageError(
            [f"hydra/sweeper/pruner=wilcoxon: compares seeds and has {seeds}; hydra.sweeper.seeds=[0,1,2,3,4]"]
        )
    cohort = getattr(pruner, "cohort", 0) * seeds
    if lanes is not None and cohort > lanes:
        raise UsageError(
            [
                f"{key}.cohort={pruner.cohort}: {on} a cohort takes {cohort} lanes; "
                f"raise hydra.launcher.lanes={lanes} or lower the cohort"
            ]
        )
    return pruner
