"""The user's code that a run was trained with, for its record: a hash of each module of its plugin parts."""

import ast
import hashlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType
from typing import Any

from hpsearch.components import registry

INSTALLED = ("site-packages", "dist-packages")
LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "sklearn")  # no code of the user's; a record has their versions


def user_code(config: Mapping[str, Any]) -> dict[str, str]:
    """A hash by the name of each module of the user's that the parts of a configuration come from."""
    found: dict[str, str] = {}
    for part in registry.plugin_parts():
        if part.name in _chosen(config, part.group):
            function = getattr(part.part, "func", part.part)  # of a `partial`
            found |= _hashes(function if inspect.isroutine(function) or isinstance(function, type) else type(function))
    return found


def _chosen(config: Mapping[str, Any], group: str) -> list[Any]:
    """The names that a configuration chooses from a group."""
    if group == "activation":
        return [config["architecture"].get("activation")]
    if group == "metric":
        return [config.get("metric"), *(config.get("metrics") or [])]
    return [config.get(group, {}).get("name")]


@cache
def _hashes(part: Any) -> dict[str, str]:
    """The hashes of the part's module and of those beside it that it uses.

    Once for each part, because a file that is edited later is not the code that was imported. Of a script or a notebook
    only the part itself, because the rest of it is no part of the run.
    """
    module = inspect.getmodule(part)
    if module is not None and module.__name__.partition(".")[0] in LIBRARIES:
        return {}
    if module is None or module.__name__ == "__main__":
        try:
            return {f"{part.__module__}.{part.__qualname__}": _hash(inspect.getsource(part).encode())}
        except (OSError, TypeError, AttributeError):
            return {}
    return {own.__name__: _hash(Path(str(own.__file__)).read_bytes()) for own in _modules(module)}


def _modules(first: ModuleType) -> list[ModuleType]:
    """A module and those of the user's that it imports, and so on."""
    found = {first.__name__: first}
    waiting = [first]
    while waiting:
        for module in _imported(waiting.pop()):
            if module.__name__ not in found and _is_beside(module, first):
                found[module.__name__] = module
                waiting.append(module)
    return [module for module in found.values() if _file(module).is_file()]


def _imported(module: ModuleType) -> Iterator[ModuleType]:
    """The modules that an import in a module's text names, as far as they are loaded."""
    file, package = _file(module), module.__package__ or ""
    for node in ast.walk(ast.parse(file.read_bytes())) if file.suffix == ".py" and file.is_file() else ():
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            name = resolve_name(relative, package) if node.level else relative
            names = [name, *(f"{name}.{alias.name}" for alias in node.names)]
        yield from (sys.modules[name] for name in names if name in sys.modules)


def _is_beside(module: ModuleType, first: ModuleType) -> bool:
    """True for a module of the same package, or one of the user's in the folder of a module that is in none."""
    package, of = module.__name__.partition(".")[0], first.__name__.partition(".")[0]
    if "hpsearch" in (package, of) or package == of:
        return package == of
    folder, file = _file(first).parent, _file(module)
    return "." not in first.__name__ and file.is_relative_to(folder) and not {*INSTALLED} & {*file.parts}


def _file(module: ModuleType) -> Path:
    return Path(getattr(module, "__file__", None) or "/")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
