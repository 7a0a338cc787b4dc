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
from typing import Any, TypeVar, get_type_hints

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
    require(name in registry, "name", name, f"one of {', '.join(registry)}")
    _check_types(registry[name], rest)
    if bind:
        return partial(registry[name], **rest)
    group = next((group for group, its in _groups.items() if its.table is registry), "")
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


def _check_types(function: Any, options: Mapping[str, Any]) -> None:
    hints = _hints(getattr(function, "func", function))
    for key, value in options.items():
        hint = hints.get(key)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        require(hint is not float or number, key, value, "a number")
        require(hint is not int or (number and value == int(value)), key, value, "a whole number")
        require(hint is not bool or isinstance(value, bool), key, value, "true or false")
        text = isinstance(value, str) or (value is None and hint == (str | None))
        require(hint not in (str, str | None) or text, key, value, f"a text{'' if hint is str else ', or null'}")
        texts = isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)
        listed = texts or (value is None and hint == (Sequence[str] | None))
        require(hint not in (Sequence[str], Sequence[str] | None) or listed, key, value, "a list of texts")
