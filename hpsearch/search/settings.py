"""The settings of a search. Every fault of the user's is found here, before a trial begins.

Long, because the checks depend on each other: pruner on seeds, seeds on lanes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from math import isfinite
from pkgutil import resolve_name
from typing import Any

import optuna
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from hpsearch.components.metric import Metric
from hpsearch.components.split import folds_of, require_all_folds
from hpsearch.errors import UsageError, require
from hpsearch.formatting import count
from hpsearch.record.implied import DEFAULT
from hpsearch.record.measure import Measure
from hpsearch.record.scripts import is_script
from hpsearch.search.budget import Budget
from hpsearch.search.config import PRUNERS
from hpsearch.search.objectives import directions_of
from hpsearch.search.pruners import new_pruner
from hpsearch.search.samplers import blaming, sampler_factory
from hpsearch.search.space import Space, text
from hpsearch.search.suggest import as_in_a_grid, suggest

WHOLE = ("cohort", "max_resource")  # options of pruners that are whole numbers, also where the default says nothing
MOST_JOBS = 10_000
MOST_SEEDS = 10_000
PROBED = 11  # trials, because most samplers draw the first 10 at random

Custom = Callable[[DictConfig, optuna.Trial], object]
Draw = Callable[[optuna.Study], tuple[optuna.Trial, list[str]]]


@dataclass(frozen=True)
class Settings:
    """sampler: number of trials that the study has -> sampler. points: the first points to evaluate. draw: asks a study
    for a trial and returns it with its overrides; raises UsageError if the sampler or the custom space fails. probe:
    the overrides of one trial."""

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


def read(
    hydra_cfg: DictConfig, space: Space, lanes: int | None, metric: Callable[[], Metric | Measure] | None
) -> Settings:
    """The settings of ``hydra.sweeper``. Raises UsageError.

    lanes: of the launcher; None if it has none. metric: gives the one that selects; asked last, because it may have to
    read the data; None for a task that is not hpsearch's, whose values are the objectives.
    """
    sweeper_cfg = hydra_cfg.hydra.sweeper
    seeds = seeds_of(hydra_cfg, space.always.fixed.pop("seed", None))
    objectives = None if sweeper_cfg.objective is None else _listed(sweeper_cfg.objective)
    names = objectives is None or all(isinstance(name, str) for name in objectives)
    require(names, "hydra.sweeper.objective", sweeper_cfg.objective, "the name of an objective, or a list of names")
    budget = Budget(sweeper_cfg.n_trials, sweeper_cfg.timeout, sweeper_cfg.retry_failed, sweeper_cfg.max_failure_rate)
    require(sweeper_cfg.n_jobs >= 1, "hydra.sweeper.n_jobs", sweeper_cfg.n_jobs, "at least 1")
    require(sweeper_cfg.n_jobs <= MOST_JOBS, "hydra.sweeper.n_jobs", sweeper_cfg.n_jobs, f"at most {MOST_JOBS}")
    for key in ("sampler", "pruner"):
        part = sweeper_cfg[key]
        chosen = OmegaConf.is_dict(part) and isinstance(part.get("_target_"), str)
        require(chosen, f"hydra.sweeper.{key}", part, f"a mapping with _target_; hydra/sweeper/{key}=… chooses one")
    pruner = _pruner(sweeper_cfg.pruner, len(objectives or [1]), len(seeds), lanes, _lanes_key(hydra_cfg))
    sampler = sampler_factory(sweeper_cfg.sampler)
    points = [space.point(point) for point in sweeper_cfg.enqueue]
    path = sweeper_cfg.custom_search_space
    draw = partial(_draw, space, hydra_cfg, path, _function(path))
    if metric is None:
        objectives, directions = _of_values(sweeper_cfg)
    else:
        selecting = metric()
        objectives = [f"val_{selecting.name}"] if objectives is None else objectives
        directions = _directions(objectives, sweeper_cfg.direction, selecting)
    probe = _probe(optuna.create_study(sampler=sampler(0), directions=directions), draw, budget.n_trials)
    return Settings(space, seeds, objectives, directions, budget, pruner, sampler, points, draw, probe)


def seeds_of(hydra_cfg: DictConfig, typed: str | None, searching: bool = True) -> list[int]:
    """The seeds of each trial; by default all folds. typed: the value of ``seed`` on the command line."""
    configured = hydra_cfg.hydra.sweeper.seeds
    if typed is not None and configured is not None and searching:
        fault = f"seed={typed}: hydra.sweeper.seeds={configured} says on which seeds; leave one of them out"
        raise UsageError([fault])
    key, given = ("hydra.sweeper.seeds", configured) if typed is None else ("seed", typed)
    split = hydra_cfg.get("split") or DEFAULT  # a foreign task may have no such key, or another kind of seed
    split = split if OmegaConf.is_dict(split) and "name" in split and not is_script(hydra_cfg) else DEFAULT
    if given is None:
        folds = folds_of(split)
        own = hydra_cfg.get("seed", 0)
        return [own if isinstance(own, int) else 0] if folds is None else list(range(folds))
    try:
        line = f"seed={given}" if isinstance(given, str) else f"seed={','.join(map(str, given))}"
        override = OverridesParser.create().parse_override(line)
        found = (
            list(islice(override.sweep_iterator(), MOST_SEEDS + 1))
            if override.is_sweep_override()
            else [override.value()]
        )
        seeds = [seed for seed in found if isinstance(seed, int) and not isinstance(seed, bool)]
    except (HydraException, TypeError):
        found, seeds = [], []
    must = f"different whole numbers, at most {MOST_SEEDS}, as [0,1,2]"
    require(0 < len(set(seeds)) == len(found) <= MOST_SEEDS, key, given, must)
    require_all_folds(split, seeds)
    return seeds


def _listed(value: Any) -> list[Any]:
    return list(value) if OmegaConf.is_list(value) else [value]


def _of_values(sweeper_cfg: DictConfig) -> tuple[list[str], list[Any]]:
    """The objectives and directions of a task that is not hpsearch's. Raises UsageError for what only its runs have."""
    given = sweeper_cfg.objective
    must = "null, because the task is not hpsearch's; hydra.sweeper.direction has an entry for each value it returns"
    require(given is None, "hydra.sweeper.objective", given, must)
    target = sweeper_cfg.pruner._target_
    must = "none, because the task is not hpsearch's, and reports nothing before its end"
    require(target == PRUNERS["none"]["_target_"], "hydra/sweeper/pruner", target.rpartition(".")[2], must)
    given = "minimize" if sweeper_cfg.direction is None else sweeper_cfg.direction
    directions = [getattr(one, "name", one) for one in _listed(given)]
    known = bool(directions) and all(one in ("minimize", "maximize") for one in directions)
    must = "minimize or maximize, or a list of them, one for each value that the task returns"
    require(known, "hydra.sweeper.direction", given, must)
    several = len(directions) > 1
    return [f"value_{number}" for number in range(len(directions))] if several else ["value"], directions


def _directions(objectives: list[str], given: Any, metric: Metric | Measure) -> list[Any]:
    own = directions_of(objectives, metric)
    if given is None:
        must = f"given, minimize or maximize for each of {', '.join(objectives)}"
        require("" not in own, "hydra.sweeper.direction", None, must)
        return own
    directions = [getattr(one, "name", str(one)) for one in _listed(given)]
    known = len(directions) == len(objectives) and set(directions) <= {"minimize", "maximize"}
    must = f"minimize or maximize, once for each of {', '.join(objectives)}"
    require(known, "hydra.sweeper.direction", ",".join(directions), must)
    return directions


def _function(path: str | None) -> Custom | None:
    if path is None:
        return None
    try:
        function = resolve_name(path)
    except (ImportError, AttributeError, ValueError):
        function = None
    must = "module.function of a module that can be imported"
    require(callable(function), "hydra.sweeper.custom_search_space", path, must)
    return function  # type: ignore[no-any-return]


def _draw(
    space: Space, hydra_cfg: DictConfig, path: str, custom: Custom | None, study: optuna.Study
) -> tuple[optuna.Trial, list[str]]:
    with blaming(f"hydra/sweeper/sampler: {type(study.sampler).__name__}"):
        trial = study.ask()
        overrides = space.overrides(partial(suggest, trial))
    if custom is None:
        return trial, overrides
    before, fixed = set(trial.params), {key.lstrip("+"): value for key, value in space.always.fixed.items()}
    for key, value in fixed.items():  # as the stock sweeper does, so that the function can leave them alone
        trial.set_user_attr(key, value)
    with blaming(f"hydra.sweeper.custom_search_space={path}"):
        custom(hydra_cfg, trial)
    added = {name: value for name, value in trial.params.items() if name not in before}
    if both := sorted(added.keys() & fixed.keys()):
        fault = f"suggests {both[0]}, which has the value {text(fixed[both[0]])} already; leave it alone if it is in"
        raise UsageError([f"hydra.sweeper.custom_search_space={path}: {fault} trial.user_attrs, or do not fix it"])
    return trial, [*overrides, *(f"{name}={_value(trial, name)}" for name in added)]


def _value(trial: optuna.Trial, name: str) -> str:
    return text(as_in_a_grid(trial.distributions[name], trial.params[name]))


def _probe(study: optuna.Study, draw: Draw, n_trials: int) -> list[str]:
    """The overrides of the first trial. Ask and tell several, because samplers check much only then."""
    drawn = []
    for number in range(min(n_trials, PROBED)):
        trial, overrides = draw(study)
        drawn.append(overrides)
        with blaming(f"hydra/sweeper/sampler: {type(study.sampler).__name__}"):
            study.tell(trial, [number / PROBED] * len(study.directions))
    return drawn[0]


def _lanes_key(hydra_cfg: DictConfig) -> str:
    """The key that says how many runs train beside each other. A script's runs have a process or worker each."""
    own = "workers" if "workers" in hydra_cfg.hydra.launcher else "processes"
    return f"hydra.launcher.{own if is_script(hydra_cfg) else 'lanes'}"


def _pruner(pruner_cfg: DictConfig, objectives: int, seeds: int, lanes: int | None, lanes_key: str) -> Any:
    """The pruner. Raises UsageError for options that its class refuses, or that do not fit the search."""
    target = pruner_cfg._target_
    name, key, on = target.rpartition(".")[2], "hydra.sweeper.pruner", f"on {count(seeds, 'seed')}"
    for option, default in next((node for node in PRUNERS.values() if node["_target_"] == target), {}).items():
        value = pruner_cfg.get(option)
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
        if option in WHOLE or isinstance(default, int):
            whole = number and isinstance(value, int) or (value is None and default is None)
            require(whole, f"{key}.{option}", value, f"a whole number{' or null' * (default is None)}")
        elif isinstance(default, float) or option in ("lower", "upper"):
            must = f"a number{' or null' * (default is None)}"
            require(number or (value is None and default is None), f"{key}.{option}", value, must)
    factor = pruner_cfg.get("reduction_factor", 2)
    require(factor >= 2, f"{key}.reduction_factor", factor, "at least 2")
    if isinstance(most := pruner_cfg.get("max_resource"), int):
        least = pruner_cfg.min_resource
        require(least <= most, f"{key}.min_resource", least, f"at most {most}, the epochs")
    wrapped = pruner_cfg.get("wrapped_pruner")
    pruner_itself = "a pruner itself, as {_target_: optuna.pruners.MedianPruner}"
    require(wrapped is None or OmegaConf.is_dict(wrapped), f"{key}.wrapped_pruner", wrapped, pruner_itself)
    if lanes is not None and pruner_cfg.get("cohort", 0) is None:
        must = f"at least {2 * seeds}, for 2 trials that {name} compares {on}"
        require(lanes >= 2 * seeds, lanes_key, lanes, must)
        keep, beside = pruner_cfg.get("keep", 1), lanes // seeds
        must = f"less than the {beside} trials that train beside each other; {lanes_key}={(keep + 1) * seeds} is enough"
        require(keep < beside, f"{key}.keep", keep, must)
    make = partial(new_pruner, pruner_cfg, *(() if lanes is None else (lanes // seeds,)))
    with blaming(f"hydra/sweeper/pruner: {name} refuses its settings"):
        pruner = make()
        if objectives == 1:  # some pruners check their options only when they are asked
            trial = optuna.create_study(pruner=make()).ask()
            trial.report(0.5, 1)
            trial.should_prune()
    cohort = getattr(pruner, "cohort", 0) * seeds
    fault = None
    if objectives > 1 and name != "NopPruner":
        fault = f"hydra/sweeper/pruner: {name} cannot judge {objectives} objectives; none can"
    elif name == "WilcoxonPruner" and seeds < 3:
        fault = f"hydra/sweeper/pruner=wilcoxon: compares seeds and has {seeds}; hydra.sweeper.seeds=[0,1,2,3,4]"
    elif lanes is not None and cohort > lanes:
        cure = f"raise {lanes_key}={lanes} or lower the cohort"
        fault = f"{key}.cohort={pruner.cohort}: {on} a cohort takes {cohort} {lanes_key.rpartition('.')[2]}; {cure}"
    if fault:
        raise UsageError([fault])
    return pruner
