"""A function of the user's that trains one run, with what hpsearch must know of it.

Long, because all ways in which another process finds it stand here.
"""

import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hpsearch.errors import UsageError, require
from hpsearch.record.measure import FRACTIONS, Measure

VALIDATION = re.compile(r"(val|valid|validation|eval|dev)_(?=\w)")  # prefixes of a metric's name
DIRECTIONS = ("maximize", "minimize")
UNITS = ("%", "")

importing = False  # True while a script is imported for the sake of its function
_known: dict[tuple[str, str], "Script"] = {}  # by module and name, as pickle refers to functions


@dataclass(frozen=True, eq=False)
class Script:
    """A training function.

    function: (configuration, run) -> None, or the value of the metric. metric: the name under which it reports the
    value that selects. measure: that metric in records. name: of the function, in records. file: that it is written in.
    folder, config: of its configurations, and the name of the primary one; None: it has none.
    """

    function: Callable[[Any, Any], object]
    metric: str
    measure: Measure
    name: str
    file: Path
    folder: Path | None = None
    config: str | None = None

    @property
    def path(self) -> str:
        """As ``python`` is given it in the working directory: a file, or -m and a module."""
        spec = getattr(sys.modules["__main__"], "__spec__", None)
        module = self.function.__module__ == "__main__" and spec is not None and spec.name
        return f"-m {module}" if module else os.path.relpath(self.file)

    def __reduce__(self) -> tuple[Any, ...]:
        """By reference, because a process of this machine has imported the same module; by value from a session, whose
        module has no file. See `by_value`."""
        module, name = _place(self.function)
        typed = module == "__main__" and not hasattr(sys.modules["__main__"], "__file__")
        return (from_bytes, (self.by_value(),)) if typed else (_find, (module, name))

    def by_value(self) -> bytes:
        """The function with its own module as bytes, for another machine, or a process that does not import it."""
        import cloudpickle

        told = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "function"}
        module = sys.modules[self.function.__module__]
        own = module.__name__ != "__main__"  # which always travels by value
        if own:
            cloudpickle.register_pickle_by_value(module)
        try:
            content: bytes = cloudpickle.dumps((self.function, told))
        finally:
            if own:
                cloudpickle.unregister_pickle_by_value(module)
        return content


def script_of(
    function: Callable[..., object],
    metric: str,
    direction: str,
    unit: str | None,
    folder: str | None = None,
    config: str | None = None,
) -> Script:
    """The script of a function. Raises UsageError.

    unit: as of `Measure`; None: % for a share such as an accuracy. folder: of configurations, from that of the file.
    """
    require(bool(metric) and isinstance(metric, str), "metric", metric, "the name of a value that run.log is given")
    require(direction in DIRECTIONS, "direction", direction, " or ".join(DIRECTIONS))
    require(unit in (None, *UNITS), "unit", unit, "'%' for a share between 0 and 1, or '' for a plain number")
    named = plain_name(metric)
    short = VALIDATION.sub("", named, count=1)
    percent = (short in FRACTIONS) if unit is None else unit == "%"
    file = Path(inspect.unwrap(function).__code__.co_filename)
    own, stem = function.__name__, re.sub(r"\W", "_", file.stem)
    script = Script(
        function,
        named,
        Measure(short, direction == "maximize", "%" if percent else ""),
        own if own == stem else f"{stem}-{own}" if stem[:1].isalpha() else own,
        file,
        None if folder is None else file.parent / folder,
        config,
    )
    _known[_place(function)] = script
    return script


def imported(path: str, name: str) -> Script:
    """The script of a name in records, whose file or module is imported here. path: as of `Script.path`."""
    global importing
    module = path.removeprefix("-m ")
    if module == path:
        file = Path(path).absolute()
        if not file.is_file():
            raise UsageError([f"{path}: no such file, so that no other process can train; write the function into one"])
        sys.path.insert(0, str(file.parent))
        module = file.stem
    importing = True
    try:
        importlib.import_module(module)
    finally:
        importing = False
    found = known(name)
    if found is None:
        raise UsageError([f"{path}: has no function {name} with hpsearch.main"])
    return found


def from_bytes(content: bytes) -> Script:
    """The script that `Script.by_value` has packed."""
    import cloudpickle

    function, told = cloudpickle.loads(content)
    script = _known[_place(function)] = Script(function, **told)
    return script


def known(name: str, path: str | None = None) -> Script | None:
    """The script of a name in records, if this process has it. path: decides between several."""
    found = [script for script in reversed(_known.values()) if script.name == name]
    return next((script for script in found if script.path == path), found[0] if found else None)


def plain_name(name: str) -> str:
    """The name of a value in records: val/acc becomes val_acc."""
    return re.sub(r"[^\w-]", "_", name, flags=re.ASCII)


def _place(function: Callable[..., object]) -> tuple[str, str]:
    module = function.__module__
    return "__main__" if module == "__mp_main__" else module, function.__qualname__  # of a process that was spawned


def _find(module: str, name: str) -> Script:
    if (module, name) not in _known:
        importlib.import_module(module)
    return _known[module, name]
