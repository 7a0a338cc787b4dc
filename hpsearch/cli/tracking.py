"""The trackers of a command: ``tracker=…`` in its configuration, from its first run to its last."""

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hpsearch.errors import UsageError
from hpsearch.record.folders import FOLDER, run_folders
from hpsearch.trackers import options
from hpsearch.trackers.follower import Follower
from hpsearch.trackers.writer import Writer

_followers: list[Follower] = []


def check(config: DictConfig) -> dict[str, options.Options]:
    """The options of the trackers that a configuration chooses. Raises UsageError before anything trains."""
    try:
        given: Any = OmegaConf.to_container(config.tracker, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise UsageError([f"{error.full_key}: {str(error).splitlines()[0]}"]) from error
    return options.read(given or {})


def begin_sweep(config: DictConfig) -> None:
    """From now on write each run of a sweep that has a record, also an earlier command's."""
    sweep = Path(config.hydra.sweep.dir).absolute()  # a launcher may change the working directory
    _begin(config, sweep, lambda: [sweep / name for name in run_folders(sweep)] if sweep.is_dir() else [])


def begin_run(config: DictConfig, folder: Path) -> None:
    """Write a single run once it has a record."""
    folder = folder.absolute()
    sweep = folder.parent if FOLDER.fullmatch(folder.name) else folder
    _begin(config, sweep, lambda: [folder])


def _begin(config: DictConfig, sweep: Path, folders: Callable[[], Sequence[Path]]) -> None:
    end(last_look=False)  # of a command that an error has ended early
    for name, its in check(config).items():
        _followers.append(Follower(Writer(name, sweep, its), folders, export_command(name, its, sweep)))


def end(last_look: bool = True) -> None:
    """Wait for the trackers, and say where the runs are. last_look: as of `Follower.finish`."""
    while _followers:
        if line := _followers.pop(0).finish(last_look):
            print(line)


def export_command(name: str, its: options.Options, sweep: Path) -> str:
    """The command that writes a sweep into the same place."""
    default = type(its)()
    given = {key: value for key, value in asdict(its).items() if value != getattr(default, key)}
    words = [word for key, value in given.items() for word in (f"--{key}", value)]
    return shlex.join(["python", "-m", "hpsearch.export", name, os.path.relpath(sweep), *words])
