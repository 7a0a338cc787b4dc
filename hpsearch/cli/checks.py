"""The checks of a whole command that need no run: keys that it would ignore, jobs that it would not have.

Long, because a run, a sweep and a retraining are checked by the same rules.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from hpsearch.cli import confirm, grid, mixing
from hpsearch.cli.command_line import not_swept
from hpsearch.cli.compose import Composer
from hpsearch.cli.task_function import overrides_of, typed_lines
from hpsearch.errors import UsageError, require, typed
from hpsearch.record.multirun import is_searched
from hpsearch.record.scripts import is_script
from hpsearch.task.config import read
from hpsearch.task.faults import Faults
from hpsearch.task.identity import NOT_IDENTITY
from hpsearch.task.prepare import prepare
from hpsearch.task.script_identity import script_identity

FOLDER = "${hpsearch.run_folder:}"
OF_A_SWEEP = (
    "hydra.sweeper.",
    "hydra/sweeper",
    "hydra.launcher.",
    "hydra/launcher",
    "hydra.sweep.",
    "confirm=",
    "retrain=",
)
OF_HYDRA = ("sweeper", "launcher", "sweep", "run", "job", "callbacks")
COUNTED = ("hydra.job.num=", "hydra.job.id=")


def check_hydra(config: DictConfig) -> None:
    """Raise UsageError for a part of Hydra's configuration that is missing, and for keys that nobody reads."""
    for key in OF_HYDRA:
        part = OmegaConf.select(config, f"hydra.{key}", throw_on_missing=False)
        if not isinstance(part, DictConfig):
            raise UsageError([f"hydra.{key}={typed(part)}: must be a mapping of its keys; hydra/{key}=… chooses one"])
    _raise(list(_unknown(config)))
    subdir = config.hydra.output_subdir
    inside = subdir is None or (subdir not in ("", ".", "..") and "/" not in subdir)
    require(inside, "hydra.output_subdir", subdir, "the name of a folder, without /, or null")
    for key in ("run", "sweep"):
        folder = OmegaConf.to_container(config.hydra[key], resolve=False)["dir"]  # type: ignore[call-overload, index]
        require(folder not in (None, ""), f"hydra.{key}.dir", folder, "a folder")


def check_run(config: DictConfig) -> None:
    """Raise UsageError for a single run that is meant to be a sweep, and for keys that it would ignore."""
    lines = [line.lstrip("+") for line in _typed(config)]
    faults = [f"{line}: is of a sweep; add -m, or leave it out" for line in lines if line.startswith(OF_A_SWEEP)]
    keys = {line.partition("=")[0] for line in lines}
    searched = set(config.hydra.sweeper.get("params") or {}) - keys
    if searched and not faults:
        chosen = [f"{key}={config.hydra.runtime.choices.get(key)}" for key in ("experiment", "search") if key in keys]
        said = " ".join(chosen) or f"hydra.sweeper.params.{min(searched)}"
        faults.append(f"{said}: is a sweep; add -m, or give one value for each of {', '.join(sorted(searched))}")
    _raise(faults + _faults_of_any(config))


def check_sweep(config: DictConfig) -> None:
    """Raise UsageError for keys that a sweep would ignore, and for values that make no jobs or too many.

    Under a launcher that takes one job after the other, every job is checked here, before the first one trains.
    """
    faults = _faults_of_any(config)
    for line in _typed(config):
        if line.lstrip("+").startswith("hydra.run."):
            faults.append(f"{line}: is of a single run; hydra.sweep.dir=… is the folder of a sweep")
    subdir = OmegaConf.to_container(config.hydra.sweep, resolve=False)["subdir"]  # type: ignore[call-overload, index]
    if subdir != FOLDER:
        faults.append(f"hydra.sweep.subdir={subdir}: must be {FOLDER}, because a report looks for runs in such folders")
    sweeper_cfg = config.hydra.sweeper
    spaces = [sweeper_cfg.get("params"), *(sweeper_cfg.get("when") or {}).values()]
    for space in spaces:
        for key, value in space.items() if isinstance(space, Mapping) else ():
            if str(key).lstrip("+") in NOT_IDENTITY:
                faults.append(not_swept(f"hydra.sweeper.params.{key}", value))
    if "?" in str(Path(config.hydra.sweep.dir).parent):
        faults.append(f"hydra.sweep.dir={config.hydra.sweep.dir}: must have no ? in the folder that holds the database")
    _raise(faults)
    if not is_searched(config):
        _check_grid(config)


def check_retrain(config: DictConfig) -> None:
    """Raise UsageError for values of ``retrain=`` that the first job of a grid could not have."""
    running, sweeper_cfg = GlobalHydra.instance(), config.hydra.sweeper
    if config.retrain and running.is_initialized() and not is_searched(config):
        loader, faults = running.config_loader(), Faults()
        job = next(iter(grid.job_lines(sweeper_cfg.params or {}, typed_lines(config.hydra, "task"), loader)))
        lines = [*job, *confirm.changes_of(config)]
        with faults:
            composed = Composer(loader).load_sweep_config(config, lines)
            if is_script(composed):
                script_identity(composed)
            else:
                read(composed, lines, faults)
        _raise([f"retrain: {fault}" for fault in faults.lines])


def _check_grid(config: DictConfig) -> None:
    hydra, running = config.hydra, GlobalHydra.instance()
    loader = running.config_loader() if running.is_initialized() else None
    size = hydra.sweeper.max_batch_size
    if size is not None and size < 1 and size != -1:
        raise UsageError([f"hydra.sweeper.max_batch_size={size}: must be at least 1, or null"])
    jobs = grid.job_lines(hydra.sweeper.params or {}, typed_lines(hydra, "task"), loader)
    if loader is None or hydra.launcher._target_.startswith("hpsearch."):
        return  # because our launchers check their jobs themselves
    composer = Composer(loader)
    runs = prepare(
        ((composer.load_sweep_config(config, list(job)), overrides_of(hydra, job)) for job in jobs), complete=True
    )
    mixing.check(Path(hydra.sweep.dir), runs, _typed(config))


def _faults_of_any(config: DictConfig) -> list[str]:
    """Keys that a user cannot set, in a run or a sweep."""
    lines = _typed(config)
    faults = [
        f"{line}: is set by a search, for its own runs" for line in lines if line.lstrip("+").startswith("trial=")
    ]
    return faults + [f"{line}: is set by Hydra, which counts jobs" for line in lines if line.startswith(COUNTED)]


def _typed(config: DictConfig) -> list[str]:
    return [*typed_lines(config.hydra, "hydra"), *typed_lines(config.hydra, "task")]


def _unknown(config: DictConfig) -> Iterator[str]:
    """A line for each key that was added to a part of Hydra's which does not read it."""
    for line in _typed(config):
        key = line.partition("=")[0]
        if not key.startswith("+hydra.") and not key.startswith("++hydra."):
            continue
        node, path = config.hydra, "hydra"
        for name in key.lstrip("+").split(".")[1:]:
            kind = OmegaConf.get_type(node) if isinstance(node, DictConfig) else None
            known = [each.name for each in fields(kind)] if is_dataclass(kind) else [name]
            if name not in known and path != "hydra.sweeper.sampler":  # whose class checks them
                yield f"{line}: no such key; {path} has {', '.join(known)}"
                break
            node = OmegaConf.select(node, name, throw_on_missing=False) if isinstance(node, DictConfig) else None
            path = f"{path}.{name}"


def _raise(faults: list[str]) -> None:
    if faults:
        raise UsageError(faults)
