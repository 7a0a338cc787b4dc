"""Faults that Hydra, OmegaConf and YAML find in a command, as one line without the storage's password."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from hpsearch.passwords import without_passwords
from hpsearch.record.scripts import WRAPPER

FOUND = (HydraException, OmegaConfBaseException)
COMPOSING = re.compile(
    r"In '([^']*)': \w+ raised while composing config: (.*?)"
    r" full_key: ((?:(?!object_type|reference_type)\S+)?)\s*(?:\w+_type=.*)?"
)
CALLBACK = re.compile(r"Target '([^']*)' is not in the .*full_key: (hydra\.callbacks\.\w+)")
OF_A_PLUGIN = "a callback of a module that plugins=[…] names there: a YAML file imports no code"
AROUND = re.compile(r"Error when parsing index|Error parsing override|See https://")  # lines without information


class Carried(BaseException):
    """Carries an exception through Hydra, which turns those of callbacks into warnings."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def carried(callback: Callable[..., None]) -> Callable[..., None]:
    """A callback for Hydra whose exceptions reach the door."""

    @wraps(callback)
    def carrying(*args: Any, **kwargs: Any) -> None:
        try:
            callback(*args, **kwargs)
        except Exception as error:
            raise Carried(error) from error

    return carrying


def line_of(error: BaseException) -> str:
    """The part that a person needs: key=value, or file and line, and the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(error, OverrideParseException):
        reason = " ".join(line for line in lines if not AROUND.match(line))
        line = f"{error.override}: {re.sub(r'^[A-Za-z]+ while evaluating .*?: ', '', reason)}"
    elif isinstance(error, yaml.YAMLError):
        line = _of_yaml(error)
    elif isinstance(error, MissingConfigException) and error.options:
        group, _, name = (error.missing_cfg_file or "").rpartition("/")
        line = f"{group}={name}: must be one of {', '.join(error.options)}"
    elif isinstance(cause, OmegaConfBaseException):
        merged = lines[0].removeprefix("Error merging override ")
        reason = str(cause).splitlines()[0].replace("is not in struct", "is none of this group's")
        if cause.full_key and "." not in cause.full_key and "is not in struct" in str(cause):
            reason = f"is no key of this configuration; +{cause.full_key}=… adds it"
        line = f"{merged if merged != lines[0] else cause.full_key}: {reason}"
        line += _cure(cause) if isinstance(cause, (ConfigKeyError, ConfigAttributeError)) else ""
    elif isinstance(error, HydraException):
        line = " ".join(lines).partition(" Config search path:")[0]
        line = re.sub(rf"^In '{WRAPPER}[^']*': ", "", line)  # a name of ours around the user's own file
        if found := COMPOSING.fullmatch(line):
            line = f"{found[1]}.yaml: {f'{found[3]}: ' if found[3] else ''}{found[2]}"
        elif found := CALLBACK.fullmatch(line):
            line = f"{found[2]}._target_={found[1]}: must be typed on the command line, or {OF_A_PLUGIN}"
    else:
        line = next(_broken_files(), f"{type(error).__name__}: {' '.join(lines)}")
    return without_passwords(line)


def _of_yaml(error: yaml.YAMLError) -> str:
    """The file, the line and what is wrong in it."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # of characters that no YAML file may hold
        return f"{getattr(error, 'name', 'YAML')}: {getattr(error, 'reason', str(error).partition(chr(10))[0])}"
    problem = " ".join(str(getattr(error, "problem", error)).split())
    return f"{mark.name}, line {mark.line + 1}: {problem}"


def _broken_files() -> Iterator[str]:
    """A line for each YAML file of the user's that holds no configuration."""
    for folder in config_folders(sys.argv[1:]):
        for path in sorted(folder.rglob("*.yaml")):
            try:
                OmegaConf.to_container(OmegaConf.load(path))
            except yaml.YAMLError as error:
                yield _of_yaml(error)
            except RecursionError:
                yield f"{path}: an alias in it contains itself"
            except Exception as error:
                yield f"{path}: must be a mapping of keys ({' '.join(str(error).split())})"


def config_folders(arguments: Sequence[str]) -> list[Path]:
    """The folders of configurations that a command line adds."""
    found = []
    for argument, following in pairwise([*arguments, ""]):
        option, equals, value = argument.partition("=")
        if option in ("--config-dir", "-cd"):
            found.append(value if equals else following)
        elif option.lstrip("+") == "hydra.searchpath":
            found += re.findall(r"file://([^,\]'\"]+)", value)
    return [folder for folder in map(Path, found) if folder.is_dir()]


def _cure(error: OmegaConfBaseException) -> str:
    """The cure for an option that the chosen part of a swept group has not."""
    group, _, option = str(error.full_key).partition(".")
    for argument in sys.argv[1:]:
        key, _, value = argument.partition("=")
        if key == group and option and _is_sweep(argument):
            given = next(
                (line for line in sys.argv[1:] if line.startswith(f"{error.full_key}=")), f"{error.full_key}=…"
            )
            return f" (without a sweep); if each of {value} has it: ++{given}"
    return ""


def _is_sweep(argument: str) -> bool:
    try:
        return OverridesParser.create().parse_override(argument).is_sweep_override()
    except HydraException:
        return False
