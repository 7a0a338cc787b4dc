"""Faults that Hydra and OmegaConf find in a command, as one line without the storage's password."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from hpsearch.passwords import without_passwords

FOUND = (HydraException, OmegaConfBaseException)
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
    """The part that a person needs: key=value and the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(error, OverrideParseException):
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
    return without_passwords(line)
