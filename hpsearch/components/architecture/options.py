"""Architectures: check the options of a configuration and return a function that makes the model.

That function is called later, when the data set is known: (shape of a sample, outputs, normalization, drops_inputs) ->
model. To add an architecture, write a class like `mlp.MLP` or `cnn.CNN` and a function here, name it in `ARCHITECTURES`
and add ``conf/architecture/<name>.yaml``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from math import inf, prod
from typing import Any

from hpsearch.components import registry
from hpsearch.components.architecture.classifiers import CLASSIFIERS
from hpsearch.errors import require

Architecture = Callable[..., Any]
MOST_LAYERS = 1000


def mlp(
    *, depth: int, width: int, widths: Sequence[int] | None, activation: str, negative_slope: float
) -> Architecture:
    """A `mlp.MLP`. Raises OutOfRange; for an unknown activation, the returned function does."""
    if widths is None:
        require(1 <= depth <= MOST_LAYERS, "depth", depth, f"at least 1 hidden layer and at most {MOST_LAYERS}")
        require(width >= 1, "width", width, "at least 1 unit")
        widths = [width] * depth
    some = len(widths) > 0 and all(units >= 1 for units in widths)
    require(some, "widths", list(widths), "one hidden layer or more, of at least 1 unit each")
    require(len(widths) <= MOST_LAYERS, "widths", f"{len(widths)} layers", f"at most {MOST_LAYERS}")
    require(0 <= negative_slope < inf, "negative_slope", negative_slope, "at least 0")
    layers = tuple(widths)

    def model(shape: tuple[int, ...], outputs: int, normalization: Any, drops_inputs: bool = False) -> Any:
        from hpsearch.components.architecture.mlp import MLP  # late, because torch takes a second

        return MLP(prod(shape), outputs, layers, normalization, activation, negative_slope, drops_inputs)

    return model


@dataclass(frozen=True)
class ModuleArchitecture:
    """Makes the model of a class of `torch.nn.Module`. load: gives the class; called late, because torch takes a
    second."""

    load: Callable[[], Any]
    options: dict[str, Any]

    def __call__(self, shape: tuple[int, ...], outputs: int, normalization: Any, drops_inputs: bool = False) -> Any:
        from hpsearch.components.architecture.module import ModuleModel

        return ModuleModel(self.load(), shape, outputs, self.options)


@dataclass(frozen=True)
class ModuleClass:
    """A class of `torch.nn.Module` as an architecture. Its constructor takes inputs, the shape of a sample, outputs,
    their number, and its options; its forward takes a batch [batch, *inputs] and gives [batch, outputs]."""

    func: Any  # the class; this name, because `registry` reads the types of the options from it

    def __call__(self, **options: Any) -> ModuleArchitecture:
        return ModuleArchitecture(lambda: self.func, options)


def check_layers(architecture: Any, config: Mapping[str, Any], together: Any) -> None:
    """Raise OutOfRange for a key that the net of a configuration has no use for. together: ``lanes_together``."""
    name = config["architecture"]["name"]
    known = together == "auto" or isinstance(together, bool)
    require(known, "lanes_together", together, "auto, true or false")
    if not isinstance(architecture, ModuleArchitecture):
        require(together is not False, "lanes_together", "false", f"auto or true for {name}, whose lanes go together")
        return
    dropout, normalization = config["dropout"], config["normalization"]["name"]
    own = f"for architecture={name}: its layers do that by themselves, see its options"
    require(not dropout.get("p"), "dropout.p", dropout.get("p"), f"0 {own}")
    require(not dropout.get("inputs"), "dropout.inputs", "true", f"false {own}")
    require(normalization == "none", "normalization", normalization, f"none {own}")


def cnn(
    *, blocks: int, width: int, hidden: int, normalization: bool, dropout: float, channel_dropout: float
) -> Architecture:
    """A `cnn.CNN`. Raises OutOfRange."""
    require(blocks >= 1, "blocks", blocks, "at least 1")
    require(width >= 1, "width", width, "at least 1 channel")
    require(hidden >= 1, "hidden", hidden, "at least 1 unit")
    require(0 <= dropout < 1, "dropout", dropout, "at least 0 and below 1")
    require(0 <= channel_dropout < 1, "channel_dropout", channel_dropout, "at least 0 and below 1")
    options = {"blocks": blocks, "width": width, "hidden": hidden, "normalization": normalization}

    def load() -> Any:
        from hpsearch.components.architecture.cnn import CNN

        return CNN

    return ModuleArchitecture(load, options | {"dropout": dropout, "channel_dropout": channel_dropout})


def _registered(part: Any, name: str) -> Any:
    """The entry of a registered part: a class of `torch.nn.Module`, or a function such as `mlp`."""
    if isinstance(part, type):
        from torch.nn import Module

        if issubclass(part, Module):
            return ModuleClass(part)
    if "inputs" in signature(part).parameters:
        raise TypeError("must be a class derived from torch.nn.Module, so that hpsearch makes the net for each run")
    return part


_own: dict[str, Callable[..., Architecture]] = {"mlp": mlp, "cnn": cnn}
ARCHITECTURES = registry.table("architecture", _own, _registered, taken=CLASSIFIERS, given=("inputs", "outputs"))
