"""A registered part: where it stands, and its options by its signature."""

import inspect
import os
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpsearch.errors import UsageError

PLAIN = "a number, a text, true, false, null, or a list or mapping of them"


@dataclass(frozen=True)
class Part:
    """A function or class that a plugin registered as ``group=name``.

    about: further arguments of `register`.
    leading: parameters of a function, in front, that the program gives. given: further ones by name.
    function: True if the part must be a function. adds: options, with defaults, that the signature does not have.
    configured: True if the group is one of the configuration, so that the part's options are its keys.
    """

    group: str
    name: str
    part: Any
    about: dict[str, Any] = field(default_factory=dict)
    leading: int = 0
    given: tuple[str, ...] = ()
    function: bool = False
    adds: dict[str, Any] = field(default_factory=dict)
    configured: bool = True

    @property
    def origin(self) -> str:
        """File and line."""
        try:
            line = inspect.getsourcelines(self.part)[1]
            return f"{shown_path(inspect.getsourcefile(self.part) or '')}:{line}"
        except (OSError, TypeError):
            return str(getattr(self.part, "__module__", "?"))

    def require(self, valid: bool, must: str) -> None:
        """Raise UsageError with the part's name and origin unless `valid`."""
        if not valid:
            raise UsageError([f"{self.group}={self.name} ({self.origin}): {must}"])

    def require_callable(self) -> None:
        """Raise UsageError unless the part is what its group takes."""
        self.require(callable(self.part), f"must be a function{'' if self.function else ' or class'}")
        self.require(not (self.function and isinstance(self.part, type)), "must be a function, not a class")

    def options(self) -> dict[str, Any]:
        """The options and their defaults. Raises UsageError for a part that a configuration cannot choose."""
        is_class = isinstance(self.part, type)
        parameters = list(inspect.signature(self.part).parameters.values())[0 if is_class else self.leading :]
        options = self.adds | {key: value for key, value in self.about.items() if key in self.adds}
        for parameter in parameters:
            name, default = parameter.name, parameter.default
            if name in self.given or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            reserved = name == "name" or name in self.adds
            where = f"an argument of register: register({self.group!r}, {name}=…)" if name in self.adds else "taken"
            self.require(not reserved, f"{name} cannot be an option, because it is {where}")
            self.require(default is not parameter.empty, f"its option {name} has no default; write {name}=… there")
            self.require(is_plain(default), f"its option {name}={default!r}: the default must be {PLAIN}")
            options[name] = list(default) if isinstance(default, tuple) else default
        return options


def same_part(one: Part, other: Part) -> bool:
    """True if one is the other, registered again: its module was loaded anew."""
    return same_name(one.part) == same_name(other.part)


def same_name(part: Any) -> tuple[Any, Any]:
    return getattr(part, "__module__", None), getattr(part, "__qualname__", id(part))


def is_plain(value: Any) -> bool:
    """True for a value that YAML can hold."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def place_of(error: BaseException) -> str:
    """File and line of an error: in the user's files if it passed through them."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{shown_path(error.filename)}:{error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(Path.cwd())]
    return f"{shown_path((own or frames)[-1].filename)}:{(own or frames)[-1].lineno}"


def shown_path(file: str) -> str:
    """A file, relative to the working directory if it lies below it."""
    path = Path(file)
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
