"""Collects what is wrong with configurations, a line each, so that all of it is said at once."""

import re
from functools import cache, partial
from typing import Any, get_type_hints

from hpsearch.ranges import require
from hpsearch.usage import UsageError


class Faults:
    """As a context manager it catches one fault and goes on behind the block."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._group = ""

    def end(self) -> None:
        """Raises UsageError with all that was found, each line once."""
        if self.lines:
            raise UsageError(list(dict.fromkeys(self.lines)))

    def of(self, group: str) -> "Faults":
        """The same; the next fault's key lies in this group."""
        self._group = group
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        group, self._group = self._group, ""
        if isinstance(error, (ValueError, TypeError, RuntimeError)):  # OutOfRange is a ValueError
            line = str(error).splitlines()[0]
            if group:
                line = f"{group}.{line}" if re.match(r"\w+=", line) else f"{group}: {line}"
            self.lines.append(line)
        elif isinstance(error, UsageError):
            self.lines += error.faults
        else:
            return error is None
        return True

    def build(
        self, group: str, registry: dict[str, Any], options: dict[str, Any], *first: Any, bind: bool = False
    ) -> Any:
        """registry[name](*first, **other options), or None and a fault. bind: the function with these options."""
        options = dict(options)
        name = options.pop("name")
        with self.of(group):
            require(name in registry, "name", name, f"one of {', '.join(registry)}")
            _check_types(registry[name], options)
            return partial(registry[name], **options) if bind else registry[name](*first, **options)
        return None


_hints = cache(get_type_hints)


def _check_types(function: Any, options: dict[str, Any]) -> None:
    hints = _hints(getattr(function, "func", function))
    for key, value in options.items():
        hint = hints.get(key)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        require(hint is not float or number, key, value, "a number")
        require(hint is not int or (number and value == int(value)), key, value, "a whole number")
        require(hint is not bool or isinstance(value, bool), key, value, "true or false")
