"""The functions that keep the bits of a lane on the CPU when vmap computes all lanes at once."""

from typing import Any

import torch
from torch import Tensor
from torch.overrides import resolve_name

from hpsearch.components.architecture.module_functions import DROPOUTS

# fmt: off
# `Functions` computes the first by its own form. The others are views and copies, and arithmetic of each element.
SWAPPED = ("linear", "gelu", "silu", "sigmoid")
VIEWS = (
    "T", "chunk", "clone", "contiguous", "detach", "device", "dim", "dtype", "flatten", "float", "getitem", "is_cuda",
    "is_nested", "len", "mT", "ndim", "ndimension", "numel", "permute", "requires_grad", "reshape", "shape", "size",
    "split", "squeeze", "to", "transpose", "unflatten", "unsqueeze", "view",
)
ELEMENTWISE = (
    "abs", "add", "cat", "clamp", "div", "exp", "hardswish", "hardtanh", "leaky_relu", "mul", "neg", "relu", "relu6",
    "rsub", "rdiv", "sqrt", "square", "stack", "sub", "tanh",
)
# fmt: on


def name_of(function: Any) -> str:
    """The name of a function or method, without the underscores of operators and functions in place."""
    path = resolve_name(function) or getattr(function, "__name__", str(function))
    return str(path).removesuffix(".__get__").rpartition(".")[2].strip("_")


def spoiler(function: Any, args: Any, kwargs: dict[str, Any]) -> str | None:
    """The name of a function that may not keep the bits of a lane on the CPU; None if it keeps them."""
    name = name_of(function)
    tensors = [arg for arg in args if isinstance(arg, Tensor)]
    if function in DROPOUTS or name in SWAPPED:
        return None
    if name == "batch_norm":
        return None if args[0].ndim == 2 else "batch_norm of more than 2 axes"
    if name == "layer_norm":
        return None if args[0].ndim == 2 and len(args[1]) == 1 else "layer_norm of more than 2 axes"
    if name == "getitem":
        index = args[1] if isinstance(args[1], tuple) else (args[1],)
        return None if all(isinstance(i, int | slice | None | type(...)) for i in index) else "an index of tensors"
    if name in ELEMENTWISE:
        largest = max((t.shape for t in tensors), key=len, default=torch.Size())
        alike = all(t.shape == largest or (len(largest) == 2 and t.shape == largest[1:]) for t in tensors)
        return None if alike else f"{name} of tensors of different shapes"
    return None if name in VIEWS else name
