"""From a name in a configuration to the function that it selects."""

from collections.abc import Mapping
from functools import cache, partial
from typing import Any, get_type_hints

from hpsearch.errors import require

_hints = cache(get_type_hints)


def build(registry: Mapping[str, Any], options: Mapping[str, Any], *first: Any, bind: bool = False) -> Any:
    """registry[options["name"]](*first, **other options); bind: that function with its options, uncalled.

    Raises OutOfRange for an unknown name or a value of another type.
    """
    rest = dict(options)
    name = rest.pop("name")
    rest.pop("fingerprint", None)  # of the files that other options name; a part of the identity alone
    require(name in registry, "name", name, f"one of {', '.join(registry)}")
    _check_types(registry[name], rest)
    return partial(registry[name], **rest) if bind else registry[name](*first, **rest)


def _check_types(function: Any, options: Mapping[str, Any]) -> None:
    hints = _hints(getattr(function, "func", function))
    for key, value in options.items():
        hint = hints.get(key)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        require(hint is not float or number, key, value, "a number")
        require(hint is not int or (number and value == int(value)), key, value, "a whole number")
        require(hint is not bool or isinstance(value, bool), key, value, "true or false")
