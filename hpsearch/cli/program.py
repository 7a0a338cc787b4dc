"""What Hydra is given for a command line: hpsearch's own configuration, or that of a user's script and more."""

import inspect
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.utils import UNSAFE_DISABLE_EXECUTION_CHECKS
from omegaconf import OmegaConf

from hpsearch.cli import command_line, trusted
from hpsearch.record.file import FILE
from hpsearch.record.multirun import MULTIRUN
from hpsearch.record.scripts import SCRIPT, WRAPPER
from hpsearch.script.function import Script

PACKAGE = Path(__file__).resolve().parent.parent
CONF = next(folder for folder in (PACKAGE / "conf", PACKAGE.parent / "conf") if folder.is_dir())  # a wheel, a checkout
LOGGING = CONF / "hydra" / "job_logging" / "hpsearch.yaml"
OURS = "hpsearch_script_keys"
PARTS = "hpsearch_script_parts"
WITHOUT_FILES = PACKAGE / "script"  # a folder without configurations
FILES = "hpsearch_script_files"
SEARCHPATH = re.compile(r"\+*hydra\.searchpath=")


@dataclass(frozen=True)
class Program:
    """What Hydra is given.

    name, arguments: of the command line. folder: of the configurations. config: the name of the primary one. targets:
    the classes that a configuration may name.
    """

    name: str
    arguments: list[str]
    folder: Path
    config: str
    targets: Any

    @property
    def own_files(self) -> bool:
        """True if all files of the configuration are those of the user's own script."""
        return self.targets is UNSAFE_DISABLE_EXECUTION_CHECKS

    @classmethod
    def of(cls, arguments: Sequence[str], script: Script | None) -> "Program":
        """The program of a command line.

        A script's primary configuration becomes part of another one, which has the keys that hpsearch needs. Its files
        may name any class, because they are the user's; files of a folder that the command line names, only the same.
        """
        if script is None:
            return cls("hpsearch", list(arguments), CONF, "config", trusted.TARGETS)
        options = command_line.parsed(arguments)
        typed = options.config_name and options.config_name.removesuffix(".yaml")
        wrapper = _wrapper(script, typed, in_files=options.multirun)
        given = [
            *arguments,
            *([] if options.config_name is None else [f"--config-name={wrapper}"]),
        ]  # the last one counts
        foreign = options.config_dir or options.config_path or any(map(SEARCHPATH.match, options.overrides))
        allowed = [*trusted.TARGETS, *_own_targets(script)] if foreign else UNSAFE_DISABLE_EXECUTION_CHECKS
        return cls(sys.argv[0], given, script.folder or WITHOUT_FILES, wrapper, allowed)


def _wrapper(script: Script, typed: str | None, in_files: bool) -> str:
    """Store the primary configuration around a script's own one, or around that of a typed name; returns its name.

    in_files: True if runs log into files alone, because they would write into each other's lines.
    """
    name, store = typed or script.config, ConfigStore.instance()
    parts = [{"override /hydra/launcher": "stacked"}]
    if in_files:
        store.store(FILES, OmegaConf.load(LOGGING), "hydra/job_logging", provider="hpsearch", replace=True)
        parts.append({"override /hydra/job_logging": FILES})
    store.store(PARTS, {"defaults": parts}, package="_global_", replace=True)
    store.store(OURS, _keys(script, name), provider="hpsearch", replace=True)
    for file in (CONF / "tracker").glob("*.yaml"):
        store.store(file.stem, OmegaConf.load(file), "tracker", provider="hpsearch", replace=True)
    wrapper, own = f"{WRAPPER}{typed or ''}", [] if name is None else [name]
    store.store(
        wrapper, {"defaults": [OURS, {"tracker": "none"}, PARTS, *own, "_self_"]}, provider="hpsearch", replace=True
    )
    return wrapper


def _own_targets(script: Script) -> list[str]:
    """The classes that the script's own configuration files name. Sweeps below them may be somebody else's."""
    files = list(_own_files(script.folder)) if script.folder is not None else []
    found = (re.findall(r"_target_\s*:\s*['\"]?([\w.]+)", file.read_text("utf-8", "replace")) for file in files)
    return sorted({target for targets in found for target in targets})


def _own_files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        if {MULTIRUN, FILE} & {*names}:
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in names if name.endswith((".yaml", ".yml")))


def _keys(script: Script, config: str | None) -> dict[str, Any]:
    """The keys that come with a script, before those of the user's own configuration, whose name is `config`."""
    return {
        "seed": 0,
        "name": "${now:%Y-%m-%d_%H-%M-%S}",
        "report": True,
        "retrain": None,
        "confirm": 0,
        "plan": False,
        "trial": None,
        SCRIPT: {"name": script.name, "path": script.path, "config": config},
        "hydra": {
            "job": {"name": script.file.stem},
            "run": {"dir": "multirun/${name}/${hpsearch.run_folder:}"},
            "sweep": {"dir": "multirun/${name}", "subdir": "${hpsearch.run_folder:}"},
            "callbacks": {"hpsearch": {"_target_": trusted.TARGETS[0]}},
            "help": {"app_name": script.file.stem, "header": _header(script)},
        },
    }


def _header(script: Script) -> str:
    """The beginning of the script's --help."""
    about = (inspect.getdoc(script.function) or "").partition("\n")[0]
    command = f"python {script.path}"
    lines = (
        f"{script.file.name}{f': {about}' if about else ''}",
        "",
        f"  {command} key=value                           one run",
        f"  {command} -m key=1,2 'seed=range(5)'          a grid, judged at its end",
        f"  {command} -m hydra/sweeper=hpsearch 'key=interval(0,1)'    a search\n",
    )
    return "\n".join(lines).replace("${", r"\${")
