"""Architectures: the options of a configuration are checked and become a function that makes the model.

It is called with what only the data know: (inputs, outputs, normalization) -> model. To add one, write such a class
as `mlp.MLP`, a function here, name it in `ARCHITECTURES` and add ``conf/architecture/<name>.yaml``.
"""

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from hpsearch.errors import require

Architecture = Callable[[int, int, Any], Any]


def mlp(
    *, depth: int, width: int, widths: Sequence[int] | None, activation: str, negative_slope: float
) -> Architecture:
    """A `mlp.MLP`. Raises ValueError for a value out of range; for an unknown activation the model does."""
    if widths is None:
        require(depth >= 1, "depth", depth, "at least 1 hidden layer")
        require(width >= 1, "width", width, "at least 1 unit")
        widths = [width] * depth
    some = len(widths) > 0 and all(isinstance(units, int) and units >= 1 for units in widths)
    require(some, "widths", list(widths), "one hidden layer or more, of at least 1 unit each")
    require(0 <= negative_slope < inf, "negative_slope", negative_slope, "at least 0")
    layers = tuple(widths)

    def model(inputs: int, outputs: int, normalization: Any) -> Any:
        from hpsearch.components.architecture.mlp import MLP  # torch takes a second

        return MLP(inputs, outputs, layers, normalization, activation, negative_slope)

    return model


ARCHITECTURES: dict[str, Callable[..., Architecture]] = {"mlp": mlp}
