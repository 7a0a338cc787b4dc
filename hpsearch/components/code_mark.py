"""A mark of a user's code: equal as long as a part, and all of the user's that it calls, has the same text."""

import hashlib
import inspect
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

LIBRARIES = [Path(path).resolve() for path in set(sysconfig.get_paths().values())]
HPSEARCH = Path(__file__).resolve().parents[1]
PLAIN = (bool, int, float, str, bytes, type(None), tuple)


def code_mark(part: Any) -> str:
    """A short hash of the text of a function or class, and of what it refers to by name in the user's own files."""
    texts: dict[int, str] = {}
    _collect(part, texts)
    return hashlib.sha256("\0".join(sorted(texts.values())).encode()).hexdigest()[:8]


def _collect(thing: Any, texts: dict[int, str]) -> None:
    thing = inspect.unwrap(thing) if callable(thing) else thing
    if id(thing) in texts or not (isinstance(thing, (type, FunctionType, ModuleType)) and _of_the_user(thing)):
        return
    try:
        texts[id(thing)] = inspect.getsource(thing)
    except (OSError, TypeError):  # typed into a session that keeps no text
        texts[id(thing)] = repr(getattr(thing, "__qualname__", thing))
    if isinstance(thing, type):
        for base in thing.__bases__:
            _collect(base, texts)
    for function in _functions(thing):
        for name in _names(function.__code__):
            value = function.__globals__.get(name)
            if isinstance(value, PLAIN) and name in function.__globals__:
                texts[hash((id(function), name))] = f"{name}={value!r}"
            else:
                _collect(value, texts)


def _functions(thing: Any) -> Iterator[FunctionType]:
    if isinstance(thing, FunctionType):
        yield thing
    elif isinstance(thing, type):
        for value in vars(thing).values():
            inner = getattr(value, "fget", None) or getattr(value, "__func__", value)
            if isinstance(inner, FunctionType):
                yield inner


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _of_the_user(thing: Any) -> bool:
    try:
        file = Path(inspect.getfile(thing)).resolve()
    except (OSError, TypeError):
        return getattr(thing, "__module__", None) == "__main__"
    return not any(file.is_relative_to(folder) for folder in (*LIBRARIES, HPSEARCH))
