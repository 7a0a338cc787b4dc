"""Collects the faults of all configurations, a line each, so that they are reported at once."""

import re
from collections.abc import Mapping
from typing import Any

from hpsearch.components import registry
from hpsearch.errors import FaultError, OutOfRange, UsageError


class Faults:
    """A context manager that notes one fault and continues behind the block."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._group = ""

    def end(self) -> None:
        """Raise UsageError with all faults, each line once."""
        if self.lines:
            raise UsageError(list(dict.fromkeys(self.lines)))

    def of(self, group: str) -> "Faults":
        """The same collector. The next fault's key lies in this group."""
        self._group = group
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        group, self._group = self._group, ""
        if isinstance(error, Exception) and (isinstance(error, OutOfRange) or not isinstance(error, FaultError)):
            said = str(error).strip().partition("\n")[0]
            line = (
                said if isinstance(error, (ValueError, TypeError, RuntimeError)) else f"{type(error).__name__}: {said}"
            )
            if group:
                line = f"{group}.{line}" if re.match(r"\w+=", line) else f"{group}: {line}"
            self.lines.append(line)
        elif isinstance(error, UsageError):
            self.lines += error.faults
        else:
            return error is None
        return True

    def build(self, group: str, functions: Mapping[str, Any], options: Mapping[str, Any], **how: Any) -> Any:
        """`registry.build` of a group's options, or None and a fault."""
        with self.of(group):
            return registry.build(functions, options, **how)
        return None
