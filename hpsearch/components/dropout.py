"""Dropout: the probability of dropping a unit. The engine draws the masks from the run's seed."""

from collections.abc import Mapping
from typing import Any

from hpsearch.errors import require


def dropout(p: float, inputs: bool = False) -> tuple[float, bool]:
    """Check and return p, and if the inputs of a net are dropped, too. Raises OutOfRange unless 0 <= p < 1."""
    require(0 <= p < 1, "p", p, "at least 0 and below 1")
    return p, inputs


def dropout_of(options: Mapping[str, Any]) -> tuple[float, bool]:
    """`dropout` for the group's options in a configuration, whatever their name."""
    return dropout(**{key: value for key, value in options.items() if key != "name"})
