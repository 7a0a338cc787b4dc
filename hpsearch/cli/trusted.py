"""The code and the places that a configuration may name. A YAML file may come from somebody else.

Hydra calls a `_target_` only from the lists of this package. Here stand the names that it would import by other ways,
and paths that would leave the sweep.
"""

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from hpsearch.cli.task_function import typed_lines
from hpsearch.errors import UsageError, require
from hpsearch.record.file import links_out, read_plain
from hpsearch.record.multirun import LARGEST_YAML

TARGETS = ("hpsearch.cli.callbacks.Callbacks",)  # for `_target_`, beside launchers and sweepers, which are plugins
OPTION = re.compile(r"--(config-dir|config-path|config-name)(?:=(.*))?|-(cd|cp|cn)(?:=(.*))?", re.DOTALL)
CALLBACK = re.compile(r"""\+{0,2}hydra\.callbacks\.\w+\._target_=["']?([\w.]+)["']?""")
SHORT = {"cd": "config-dir", "cp": "config-path", "cn": "config-name"}
OURS = "hpsearch.cli.sweeper.OptunaSweeper"
NAMED = "the name of a folder, without /, or null"
SPACE = "hydra.sweeper.custom_search_space"

own_files = False  # True if all files of the command's configuration are those of the user's own script


def check_search_path(arguments: Sequence[str]) -> None:
    """Raise UsageError if a primary configuration takes others from a Python package, because Hydra would import it."""
    given = _options(arguments)
    name = given.get("config-name", "config")
    for folder in (given[key] for key in ("config-dir", "config-path") if key in given):
        file = Path(folder) / (name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
        for entry in _search_path(file):
            plain = isinstance(entry, str) and "${" not in entry and not entry.startswith("pkg://")
            must = "folders, as file://…; name a package on the command line"
            require(plain, "hydra.searchpath", entry, f"{must} ({file})")


def _options(arguments: Sequence[str]) -> dict[str, str]:
    """The values of Hydra's options that name a primary configuration."""
    found: dict[str, str] = {}
    for argument, following in pairwise([*arguments, ""]):
        if option := OPTION.fullmatch(argument):
            long, inline, short, short_inline = option.groups()
            value = inline if inline is not None else short_inline
            found[long or SHORT[short]] = following if value is None else value
    return found


def _search_path(file: Path) -> Iterator[Any]:
    try:
        cfg = yaml.safe_load(read_plain(file, LARGEST_YAML))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):  # which Hydra names
        return
    hydra = cfg.get("hydra") if isinstance(cfg, dict) else None
    path = hydra.get("searchpath") if isinstance(hydra, dict) else hydra
    yield from path if isinstance(path, list) else [] if path is None else [path]


def callbacks_of(arguments: Sequence[str], modules: Sequence[str]) -> list[str]:
    """The classes that `hydra.callbacks` may name: those typed on the command line, and those of the plugins.

    modules: of the plugins, which are imported.
    """
    typed = [found[1] for line in arguments if (found := CALLBACK.fullmatch(line))]
    for module in modules:
        classes = inspect.getmembers(sys.modules[module], inspect.isclass)
        typed += [f"{module}.{name}" for name, member in classes if issubclass(member, Callback)]
    return typed


def check(config: DictConfig) -> None:
    """Raise UsageError if a configuration names code, or places outside its sweep, that were not typed."""
    if own_files:
        return
    modules = config.get("plugins") or []
    hydra = config.hydra
    typed = [line.lstrip("+").partition("=")[0] for line in typed_lines(hydra, "hydra")]
    named = hydra.sweeper.get("custom_search_space")
    module = str(named).rpartition(".")[0]
    must = f"typed on the command line, or a function of a plugin that plugins=[…] names: it imports {module or named}"
    require(named is None or SPACE in typed or module in modules, SPACE, named, must)
    sampler = OmegaConf.select(hydra.sweeper, "sampler._target_", default="")
    pickled = "CmaEs" in str(sampler) and hydra.sweeper._target_ != OURS and hydra.sweeper.get("storage") is not None
    must = "left out with hydra/sweeper=optuna, which loads it from there as a pickle; hydra/sweeper=hpsearch does not"
    require(not pickled, "hydra/sweeper/sampler", "cmaes", must)
    if "hydra.job.env_set" not in {".".join(key.split(".")[:3]) for key in typed}:
        must = "empty unless it is typed on the command line: it changes what other programs do"
        require(not hydra.job.env_set, "hydra.job.env_set", dict(hydra.job.env_set), must)
    subdir = hydra.output_subdir
    require(_inside(subdir) and "/" not in (subdir or ""), "hydra.output_subdir", subdir, NAMED)
    subdir = OmegaConf.to_container(hydra.sweep, resolve=False)["subdir"]  # type: ignore[index, call-overload]
    require(_inside(subdir), "hydra.sweep.subdir", subdir, "a folder within that of the sweep")
    for key in ("job_logging", "hydra_logging"):
        for file in _log_files(hydra[key]):
            if not any(name.startswith(f"hydra.{key}") for name in typed):
                must = "in ${hydra.runtime.output_dir}, unless it is typed on the command line"
                require(_inside(file), f"hydra.{key}: filename", file, must)


def _inside(folder: Any) -> bool:
    """True for a path that stays in its folder, whatever stands for an interpolation."""
    if folder is None:
        return True
    path = PurePosixPath(str(folder).removeprefix("${hydra.runtime.output_dir}/"))
    return bool(str(folder)) and not path.is_absolute() and ".." not in path.parts and "${oc." not in str(folder)


def _log_files(logging_cfg: Any) -> Iterator[Any]:
    """The unresolved names of the files that log handlers write."""
    plain: Any = OmegaConf.to_container(logging_cfg, resolve=False) if OmegaConf.is_config(logging_cfg) else None
    handlers = plain.get("handlers") if isinstance(plain, dict) else None
    for handler in handlers.values() if isinstance(handlers, dict) else ():
        if isinstance(handler, dict) and handler.get("filename") is not None:
            yield handler["filename"]


def check_links(folder: Path) -> None:
    """Raise UsageError if a symbolic link leads out of a folder, because files would be written elsewhere.

    The folder itself may be one: where a sweep lies is the user's choice.
    """
    link = next(links_out(folder), None)
    if link is not None:
        raise UsageError([f"{link}: is a symbolic link that leads out of the sweep; remove it"])
