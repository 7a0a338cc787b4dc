"""A command line as it was typed, checked before Hydra reads it: options, values of groups, swept keys.

Long, because it stands for every way in that Hydra offers.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from hpsearch.arguments import Parser
from hpsearch.cli.error_lines import line_of
from hpsearch.components import registry
from hpsearch.errors import UsageError, typed
from hpsearch.task.config import GROUPS, KEYS
from hpsearch.task.identity import NOT_IDENTITY
from hpsearch.task.script_identity import NOT_IDENTITY as OF_A_SCRIPT

SWEEPS = ("experiment", "search")  # groups of whole sweeps, which may be left out
SHOWS = ("help", "hydra_help", "version", "cfg", "info", "shell_completion")  # options that start nothing
ALONE = "shows one configuration or starts one command; give one of --cfg, --info, --run and --multirun"
LONGEST = 4096  # characters of an argument's key and value
MOST_VALUES = 1000  # of one key, that are looked at


@cache
def _parser() -> argparse.ArgumentParser:
    """Hydra's own options, because its parser ends the process with its usage."""
    parser = Parser(prog="hpsearch", add_help=False, allow_abbrev=False)
    parser.hint = "--help and --hydra-help show what there is"
    parser.add_argument("overrides", nargs="*")
    for names in (("--help", "-h"), ("--hydra-help",), ("--version",), ("--resolve",), ("--run", "-r")):
        parser.add_argument(*names, action="store_true")
    for names in (("--multirun", "-m"), ("--shell-completion", "-sc")):
        parser.add_argument(*names, action="store_true")
    parser.add_argument("--cfg", "-c", choices=("job", "hydra", "all"))
    parser.add_argument("--info", "-i", nargs="?", const="all", choices=INFO)
    for names in (("--package", "-p"), ("--config-path", "-cp"), ("--config-name", "-cn"), ("--config-dir", "-cd")):
        parser.add_argument(*names)
    parser.add_argument("--experimental-rerun")
    return parser


INFO = ("all", "aliases", "config", "defaults", "defaults-tree", "plugins", "searchpath")


def check(arguments: Sequence[str], conf: Path | None) -> None:
    """Raise UsageError for what Hydra would answer with a traceback, or take and not use. conf: hpsearch's own
    configurations; None for a script, whose keys and groups are the user's."""
    options = parsed(arguments)
    _check_options(options)
    if not any(getattr(options, name) for name in SHOWS if name != "cfg"):
        faults = [fault for line in options.overrides for fault in _faults(line, conf)]
        if faults:
            raise UsageError(faults)


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Hydra's options and the overrides. Raises UsageError for an option that Hydra does not have."""
    return _parser().parse_intermixed_args(arguments)


def _check_options(options: argparse.Namespace) -> None:
    faults = []
    if options.resolve and not (options.cfg or options.help):
        faults.append("--resolve: shows the values of a configuration; give --cfg job with it")
    if options.package and not options.cfg:
        faults.append(f"--package={options.package}: shows a part of a configuration; give --cfg job with it")
    if sum(map(bool, (options.run, options.multirun, options.cfg, options.info, options.shell_completion))) > 1:
        given = [
            f"--{name.replace('_', '-')}"
            for name in ("run", "multirun", "cfg", "info", "shell_completion")
            if getattr(options, name)
        ]
        faults.append(f"{' '.join(given)}: {ALONE}")
    modes = [line for line in options.overrides if line.startswith("hydra.mode=") and line != "hydra.mode=MULTIRUN"]
    faults += [f"{line}: -m is for a sweep; leave one of them out" for line in modes if options.multirun]
    if options.experimental_rerun is not None:
        shown = f"--experimental-rerun={options.experimental_rerun}"
        faults.append(f"{shown}: reads a pickle, which hpsearch never writes; the report has the command of each run")
    if faults:
        raise UsageError(faults)


def _faults(line: str, conf: Path | None) -> Iterator[str]:
    """The faults of an override, a line each."""
    if len(line) > LONGEST:
        yield f"{line[:40]}…: must be at most {LONGEST} characters"
        return
    try:
        (override,) = OverridesParser.create().parse_overrides([line])
    except HydraException as error:
        yield line_of(error)
        return
    key = override.key_or_group
    if conf is None:
        if override.is_sweep_override() and key in OF_A_SCRIPT:
            yield not_swept(key, line.partition("=")[2])
        return
    if is_group(key):
        yield from _faults_of_group(override, conf)
    elif override.is_delete() and (key in KEYS or key.removesuffix(".name") in GROUPS):
        yield f"~{key}: every run needs {key}; give it another value, {key.removesuffix('.name')}=…"
    if override.is_sweep_override() and key in NOT_IDENTITY:
        yield not_swept(key, line.partition("=")[2])


def not_swept(key: str, value: object) -> str:
    """The fault of a sweep over a key that no run has for itself."""
    return f"{key}={value}: must be one value, because it is the same for all runs of a sweep"


def is_group(key: str) -> bool:
    """True for a key whose value is the name of a file in a folder of ``conf/``."""
    return key in GROUPS or key in SWEEPS or key.startswith("hydra/")


def _faults_of_group(override: Override, conf: Path) -> Iterator[str]:
    group = override.key_or_group
    if override.is_delete():
        if group in GROUPS:
            yield f"~{group}: every run needs {group}; choose another with {group}=…{_choices(group, conf)}"
        return
    for value in _values(override):
        several = isinstance(value, list) and all(isinstance(each, str) for each in value) and value
        if (isinstance(value, str) and value) or several or (isinstance(value, dict) and group in GROUPS):
            continue
        shown = f"{group}={typed(value)}"
        if group in SWEEPS and value is None:
            yield f"{shown}: leave it out"
        elif group.startswith("hydra/"):
            yield f"{shown}: {group} is a group; must be the name of one of its options"
        else:
            yield f"{shown}: {group} is a group{_choices(group, conf)}{_option(group, value, conf)}"
        return


def _values(override: Override) -> Iterator[Any]:
    """The value of an override, or the first values of a sweep."""
    if not override.is_sweep_override():
        yield override.value()
    elif override.is_discrete_sweep():
        yield from (getattr(value, "text", value) for value in islice(_elements(override), MOST_VALUES))
    else:
        yield override.get_value_element_as_str()


def _elements(override: Override) -> Iterable[Any]:
    from hydra.core.override_parser.types import Glob

    sweep = override.value()
    return () if isinstance(sweep, Glob) else override.sweep_iterator()


def _choices(group: str, conf: Path) -> str:
    names = {path.stem for path in (conf / group).glob("*.yaml")}
    if group in registry.GROUPS:
        names |= {part.name for part in registry.plugin_parts() if part.group == group}
    return f", one of {', '.join(sorted(names))}" if names else ""


def _option(group: str, value: Any, conf: Path) -> str:
    """The cure for a value that was meant for an option of the group."""
    for path in sorted((conf / group).glob("*.yaml")) if group in GROUPS else ():
        for key, default in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            if isinstance(value, (bool, int, float)) and type(default) is type(value):
                return f"; to set its option say {group}.{key}={typed(value)}"
    return ""
