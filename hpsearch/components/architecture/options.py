"""Architectures: check the options of a configuration and return a function that makes the model.

That function is called later, when the data set is known: (shape of a sample, outputs, normalization, drops_inputs) ->
model. To add an architecture, write a class like `mlp.MLP` and a function here, name it in `ARCHITECTURES` and add
``conf/architecture/<name>.yaml``.
"""

from collections.abc import Callable, Sequence
from math import inf, prod
from typing import Any

from hpsearch.components import registry
from hpsearch.components.architecture.classifiers import CLASSIFIERS
from hpsearch.errors import require

Architecture = Callable[..., Any]


def mlp(
    *, depth: int, width: int, widths: Sequence[int] | None, activation: str, negative_slope: float
) -> Architecture:
    """A `mlp.MLP`. Raises OutOfRange; for an unknown activation, the returned function does."""
    if widths is None:
        require(depth >= 1, "depth", depth, "at least 1 hidden layer")
        require(width >= 1, "width", width, "at least 1 unit")
        widths = [width] * depth
    some = len(widths) > 0 and all(isinstance(units, int) and units >= 1 for units in widths)
    require(some, "widths", list(widths), "one hidden layer or more, of at least 1 unit each")
    require(0 <= negative_slope < inf, "negative_slope", negative_slope, "at least 0")
    layers = tuple(widths)

    def model(shape: tuple[int, ...], outputs: int, normalization: Any, drops_inputs: bool = False) -> Any:
        from hpsearch.components.architecture.mlp import MLP  # late, because torch takes a second

        return MLP(prod(shape), outputs, layers, normalization, activation, negative_slope, drops_inputs)

    return model


_own: dict[str, Callable[..., Architecture]] = {"mlp": mlp}
ARCHITECTURES = registry.table("architecture", _own, taken=CLASSIFIERS, given=("inputs", "outputs"))
