"""From a name in a configuration to the function that it selects: one live table for each group.

A group's module makes its table with `table`; `register` enters a part of the user's.

Long, because to register a part, to choose it and to name it in a fault all read the same tables.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import import_module
from inspect import Parameter, signature
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from hpsearch.components.code_mark import code_mark
from hpsearch.components.plugin_part import Part, place_of, same_part
from hpsearch.errors import UsageError, no_exit, require

GROUPS = {  # the module that makes a group's table
    "architecture": "hpsearch.components.architecture.options",
    "data": "hpsearch.components.data.builtin",
    "optimizer": "hpsearch.components.optimizer",
    "init": "hpsearch.components.init",
    "schedule": "hpsearch.components.schedule",
    "activation": "hpsearch.components.layers",
    "metric": "hpsearch.components.metric",
    "preprocessing": "hpsearch.components.preprocessing",
    "split": "hpsearch.components.split",
}

NAMES: dict[Any, tuple[str, str]] = {  # of types, for one and for many
    float: ("a number", "numbers"),
    int: ("a whole number", "whole numbers"),
    bool: ("true or false", "true or false"),
    str: ("a text", "texts"),
}
EXAMPLE = '@hpsearch.register("optimizer")'
Entry = TypeVar("Entry")
PartType = TypeVar("PartType", bound=Callable[..., Any])


@dataclass(frozen=True)
class _Group:
    table: dict[str, Any]
    entry: Callable[..., Any]
    rules: dict[str, Any]
    taken: Collection[str]


_groups: dict[str, _Group] = {}
_parts: dict[tuple[str, str], Part] = {}


def _unchanged(part: Any, name: str) -> Any:
    return part


def table(
    group: str,
    own: dict[str, Entry],
    entry: Callable[..., Entry] = _unchanged,
    taken: Collection[str] = (),
    **rules: Any,
) -> dict[str, Entry]:
    """Make `own`, hpsearch's parts by name, the live table of a group.

    entry: (part, name, **about) -> the table's entry for a registered part; about: further arguments of `register`.
    taken: names that another table holds. rules: see `Part`.
    """
    _groups[group] = _Group(own, entry, rules, taken)
    return own


def registered(group: str) -> dict[str, Any]:
    """The live table of a group: hpsearch's own parts and those of plugins, by name."""
    import_module(GROUPS[group])
    return _groups[group].table


def register(group: str, name: str | None = None, **about: Any) -> Callable[[PartType], PartType]:
    """Make a function or class an option of a group: ``@hpsearch.register("optimizer")``.

    name: the option's; by default that of the function or class, MyCNN as ``my_cnn``. The options of the part and their
    defaults come from its signature.
    about: for an optimizer `lr`, the learning rate by default; for a metric `maximize`, `kind`, `reads` and `unit`, see
    `hpsearch.components.metric.Metric`.

    Raises UsageError if the group is unknown or the name is taken.
    """
    if not isinstance(group, str):
        name = getattr(group, "__name__", group)  # of the part, if the parentheses are missing
        raise UsageError([f"@hpsearch.register on {name}: must name a group, as in {EXAMPLE}"])

    def enter(function: PartType) -> PartType:
        key = name or snake_case(getattr(function, "__name__", repr(function)))
        part = Part(group, key, function, about=about)
        part.require(group in GROUPS, f"the group must be one of {', '.join(GROUPS)}")
        entries, rules = registered(group), _groups[group]
        part = replace(part, **rules.rules)
        part.require_callable()
        part.require(re.fullmatch(r"[A-Za-z_][\w-]*", key) is not None, f'needs a name: register("{group}", "<name>")')
        earlier = _parts.get((group, key))
        free = same_part(earlier, part) if earlier else key not in entries and key not in rules.taken
        owner = f"by {earlier.origin}" if earlier else "by hpsearch itself"
        part.require(free, f'the name is taken {owner}; give it another one: register("{group}", "<name>")')
        try:
            entries[key] = rules.entry(function, key, **about)
        except (TypeError, ValueError) as error:  # OutOfRange is a ValueError
            part.require(False, re.sub(r"^\w+\(\) got", "register got", str(error)))
        _parts[group, key] = part
        return function

    return enter


def plugin_parts() -> list[Part]:
    """The parts that are registered, in order."""
    return list(_parts.values())


def mark_of(group: str, name: Any) -> str | None:
    """A mark of the code behind a registered part; None for a part of hpsearch's own."""
    part = _parts.get((group, name)) if isinstance(name, str) else None
    return None if part is None else _mark(part.part)


_mark = cache(code_mark)  # a module that is imported anew has other functions and classes


def forget(part: Part) -> None:
    """Take a registered part out of its table."""
    del _parts[part.group, part.name], _groups[part.group].table[part.name]


def snake_case(name: str) -> str:
    """MyCNN -> my_cnn, SignSGD -> sign_sgd."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def build(registry: Mapping[str, Any], options: Mapping[str, Any], *first: Any, bind: bool = False) -> Any:
    """registry[options["name"]](*first, **other options); bind: that function with its options, uncalled.

    Raises OutOfRange for an unknown name or a value of another type.
    """
    rest = dict(options)
    name = rest.pop("name")
    rest.pop("fingerprint", None)  # of the files that other options name; a part of the identity alone
    require(isinstance(name, str) and name in registry, "name", name, f"one of {', '.join(registry)}")
    group = next((group for group, its in _groups.items() if its.table is registry), "")
    _check_keys(registry[name], name, rest, _groups[group].rules if group else {})
    _check_types(registry[name], rest)
    if bind:
        return partial(registry[name], **rest)
    with named_errors(group, name):
        return registry[name](*first, **rest)


@contextmanager
def named_errors(group: str, name: str) -> Iterator[None]:
    """Inside, an error of a registered part becomes a UsageError with the part's name and the error's place."""
    try:
        with no_exit():
            yield
    except UsageError:
        raise
    except Exception as error:
        part = _parts.get((group, name))
        if part is None:
            raise
        said = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise UsageError([f"{group}={name}: raises {said} ({place_of(error)})"]) from error


@cache
def _hints(function: Any) -> dict[str, Any]:
    """The type hints of a function's or class's arguments; none if a name in them cannot be resolved."""
    try:
        return get_type_hints(getattr(function, "__init__") if isinstance(function, type) else function)  # noqa: B009
    except (NameError, TypeError):
        return {}


@cache
def _parameters(function: Any) -> dict[str, Parameter]:
    return dict(signature(function).parameters)


def _check_keys(function: Any, name: str, options: Mapping[str, Any], rules: Mapping[str, Any]) -> None:
    """Raise OutOfRange for an option that a part does not have, or that it needs. rules: of its group's parts."""
    try:
        parameters = _parameters(getattr(function, "func", function))
    except (TypeError, ValueError):  # of a function that is not written in Python
        return
    if any(each.kind is Parameter.VAR_KEYWORD for each in parameters.values()):
        return
    leading = 0 if isinstance(getattr(function, "func", function), type) else rules.get("leading", 0)
    own = dict(list(parameters.items())[leading:])
    own = {key: each for key, each in own.items() if key not in rules.get("given", ())}
    for key, value in options.items():
        has = f"it has {', '.join(own)}" if own else "it has none"
        require(key in own, key, value, f"left out: {name} has no such option; {has}")
    for key, parameter in own.items():
        needed = parameter.default is Parameter.empty and parameter.kind is Parameter.KEYWORD_ONLY
        require(not needed or key in options, key, "", f"given, because {name} needs it")


def _check_types(function: Any, options: Mapping[str, Any]) -> None:
    hints = _hints(getattr(function, "func", function))
    for key, value in options.items():
        require(_fits(value, hints.get(key, Any)), key, value, _named(hints.get(key, Any)))


def _fits(value: Any, hint: Any) -> bool:
    """True if a value of a configuration is of a type; True for a type that no configuration tells apart."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is Literal:
        return value in inner
    if hint in (list, tuple) or origin in (list, tuple, Sequence, Collection):
        of = [each for each in inner if each is not Ellipsis]
        return isinstance(value, list) and (len(of) != 1 or all(_fits(each, of[0]) for each in value))
    if hint in NAMES:
        number = int if hint is int else (int, float) if hint is float else hint
        return isinstance(value, number) and isinstance(value, bool) == (hint is bool)
    return value is None if hint is NoneType else True


def _named(hint: Any) -> str:
    """A type in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(map(_named, inner))
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}"
    if hint in (list, tuple) or origin in (list, tuple, Sequence, Collection):
        of = [each for each in inner if each is not Ellipsis]
        return f"a list of {NAMES.get(of[0], ('', 'values'))[1]}" if len(of) == 1 else "a list"
    return NAMES[hint][0] if hint in NAMES else "null"
