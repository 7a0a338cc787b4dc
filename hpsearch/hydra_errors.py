"""What Hydra and OmegaConf find wrong with a command, as one line without the storage's password."""

import os
import re
import sys
from collections.abc import Callable
from typing import Any

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from hpsearch.usage import UsageError, exit_on_wrong_usage

FOUND = (HydraException, OmegaConfBaseException)
STORAGE = "sweeper.storage"
AROUND = re.compile(r"Error when parsing index|Error parsing override|See https://")  # lines that say nothing


def in_one_line(report: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Hydra's `run_and_report`, but what it would print of a command's faults is our line and exit code 2."""

    def run(function: Callable[[], Any]) -> Any:
        with exit_on_wrong_usage():
            try:
                return function()
            except FOUND as error:
                if os.environ.get("HYDRA_FULL_ERROR") == "1":
                    raise
                raise UsageError([line_of(error)]) from error

    return lambda function: report(lambda: run(function))


def line_of(error: BaseException) -> str:
    """What a person needs of it: key=value and the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(error, OverrideParseException):
        if STORAGE in error.override.partition("=")[0]:
            return f"hydra.{STORAGE}=***: must be in quotes, as \"hydra.{STORAGE}='postgresql+psycopg://…'\""
        reason = " ".join(line for line in lines if not AROUND.match(line))
        line = f"{error.override}: {re.sub(r'^[A-Za-z]+ while evaluating .*?: ', '', reason)}"
    elif isinstance(error, MissingConfigException) and error.options:
        group, _, name = (error.missing_cfg_file or "").rpartition("/")
        line = f"{group}={name}: must be one of {', '.join(error.options)}"
    elif isinstance(cause, OmegaConfBaseException):
        merged = lines[0].removeprefix("Error merging override ")
        line = f"{merged if merged != lines[0] else cause.full_key}: {str(cause).splitlines()[0]}"
    else:
        line = " ".join(lines).partition(" Config search path:")[0]
    return _without_password(line)


def _without_password(line: str) -> str:
    for argument in sys.argv[1:]:
        key, _, value = argument.partition("=")
        if key.endswith(STORAGE):
            from hpsearch.database import masked

            url = value.strip("'\"")
            line = line.replace(url, masked(url))
    return line
