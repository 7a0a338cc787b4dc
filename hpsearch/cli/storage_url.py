"""The URL of a storage, whose password stands in no file, log, page or printed command.

It lies in an environment variable, and the configuration refers to that.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from hpsearch.passwords import has_password, remember

STORAGE = "HPSEARCH_STORAGE"  # environment variable: the storage's URL
REFERENCE = f"${{oc.env:{STORAGE}}}"
FILE = re.compile(r"(sqlite(?:\+\w+)?:///)(?!/|:memory:|file:)(.+)")  # of a relative path
TYPED = re.compile(r"(\+*hydra\.sweeper\.storage=)(.*)", re.DOTALL)


def hidden(arguments: Sequence[str]) -> list[str]:
    """The arguments of a command, in which a reference stands for a URL with a password."""
    return [_hidden(argument) for argument in arguments]


def _hidden(argument: str) -> str:
    typed = TYPED.fullmatch(argument)
    url = typed[2].strip("'\"") if typed else ""
    if typed is None or not has_password(url):
        return argument
    remember(url)
    os.environ[STORAGE] = url
    return f"{typed[1]}'{REFERENCE}'"


def absolute(url: str) -> str:
    """The URL with the whole path of its file, if it is one, for a process that works in another folder."""
    found = FILE.fullmatch(url)
    return f"{found[1]}{Path(found[2]).absolute()}" if found else url


def hide(config: DictConfig) -> None:
    """Let a configuration refer to the URL of its storage, if that has a password."""
    sweeper: Any = config.hydra.sweeper
    url = sweeper.get("storage")
    if not isinstance(url, str) or not has_password(url):
        return
    remember(url)
    if not OmegaConf.is_interpolation(sweeper, "storage"):
        os.environ[STORAGE] = url
        with read_write(sweeper), open_dict(sweeper):
            sweeper.storage = REFERENCE
