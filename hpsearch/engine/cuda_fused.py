"""Compile an optimizer's step into one kernel for a CUDA device.

Each operation of `Optimizer.update` reads and writes whole tensors; Adam moves about two dozen of the weights' size.
The GPU waits for its memory each time, and with a small net for each launch. So `update` is called once with names in
place of tensors. Its operations become the lines of a Triton kernel, which reads and writes each tensor once.

Long, because the operations, the kernel's text and the ways back to PyTorch belong to one trick.
"""

import linecache
import logging
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any, cast

import torch
from torch import Tensor

from hpsearch.components.optimizer import Optimizer, value_names

log = logging.getLogger(__name__)

Update = Callable[[Tensor, Tensor, dict[str, Tensor], dict[str, Tensor]], None]

BLOCK = 1024  # numbers of one lane that a program of the kernel updates

KERNEL = """\
import triton
from triton import language as tl

@triton.jit(do_not_specialize_on_alignment={unaligned})
def kernel({arguments}, size, BLOCK: tl.constexpr):
    lane = tl.program_id(1).to(tl.int64)
    offset = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = offset < size
    at = lane * size + offset
    {lines}
"""


def _operation(expression: Callable[..., str], in_place: bool = False) -> Any:
    """A method of `_Number` that appends a line and returns its result. expression: of the operands, self first."""

    def method(number: "_Number", *others: Any) -> "_Number":
        result = number if in_place else _Number(f"t{len(number.lines)}", number.lines)
        number.lines.append(f"{result} = {expression(number, *others)}")
        return result

    return method


class _Number:
    """A name in place of a tensor in `Optimizer.update`. Each known operation appends a line."""

    def __init__(self, name: str, lines: list[str]) -> None:
        self.name, self.lines = name, lines

    def __str__(self) -> str:
        return self.name

    __mul__ = _operation(lambda a, b: f"{a} * {b}")
    mul_ = _operation(lambda a, b: f"{a} * {b}", in_place=True)
    add_ = _operation(lambda a, b: f"{a} + {b}", in_place=True)
    div_ = _operation(lambda a, b: f"tl.div_rn({a}, {b})", in_place=True)
    sqrt = _operation(lambda a: f"tl.sqrt_rn({a})")
    addcmul = _operation(lambda a, b, c: f"{a} + {b} * {c}")
    addcmul_ = _operation(lambda a, b, c: f"{a} + {b} * {c}", in_place=True)
    lerp_ = _operation(lambda a, end, weight: f"{a} + {weight} * ({end} - {a})", in_place=True)


def names(optimizer: Optimizer) -> tuple[list[str], list[str]]:
    """The names in `lines` of the tensors that `update` writes (the weights first) and of a lane's numbers."""
    values = [f"v{i}" for i in range(len(value_names(optimizer)))]
    return ["p", *(f"b{i}" for i in range(len(optimizer.buffers)))], values


def lines(optimizer: Optimizer) -> list[str]:
    """The statements of `update` for one number of one lane; g is its gradient.

    Raises AttributeError if `update` uses an operation that `_Number` does not know.
    """
    asked: list[str] = []
    written, values = names(optimizer)
    p, *buffers = (_Number(name, asked) for name in written)
    numbers = (_Number(name, asked) for name in values)
    optimizer.update(
        cast(Tensor, p),
        cast(Tensor, _Number("g", asked)),
        cast(dict[str, Tensor], dict(zip(optimizer.buffers, buffers, strict=True))),
        cast(dict[str, Tensor], dict(zip(value_names(optimizer), numbers, strict=True))),
    )
    return asked


def fused(optimizer: Optimizer, device: torch.device) -> Update:
    """`optimizer.update` as one kernel per tensor, or unchanged on the CPU and without Triton, which PyTorch for CUDA
    installs on Linux. Also unchanged, with a warning, if no kernel can be made: Triton needs a C compiler, and
    `_Number` must know each operation."""
    if device.type != "cuda" or find_spec("triton") is None:
        return optimizer.update
    try:
        update = by_kernel(optimizer)
        with torch.cuda.device(device):
            _try(update, optimizer, device)
    except Exception as error:  # of any type, because the step also runs without a kernel
        _warn(f"{type(optimizer).__name__}'s step is not fused, which is slower: {type(error).__name__}: {error}")
        return optimizer.update
    return update


def by_kernel(optimizer: Optimizer) -> Update:
    """`optimizer.update` as one kernel per tensor. Raises AttributeError like `lines`."""
    kernel = _compiled(source(optimizer))

    def update(p: Tensor, g: Tensor, buffers: dict[str, Tensor], v: dict[str, Tensor]) -> None:
        size = p[0].numel()
        tensors = [p, *buffers.values(), g.contiguous(), *v.values()]
        kernel[-(-size // BLOCK), len(p)](*tensors, size, BLOCK=BLOCK, enable_fp_fusion=False)

    return update


def _try(update: Update, optimizer: Optimizer, device: torch.device) -> None:
    """Compile and run one step on other tensors, because a recording cannot recover from a failure."""
    ones = torch.ones(1, BLOCK, device=device)
    buffers = {name: ones.clone() for name in optimizer.buffers}
    update(ones.clone(), ones, buffers, dict.fromkeys(value_names(optimizer), ones))


@cache
def _warn(message: str) -> None:
    """Log a warning once, not for each stack."""
    log.warning(message.splitlines()[0])


def source(optimizer: Optimizer) -> str:
    """The kernel's text. Its arguments are addresses: the written tensors, the gradient, a lane's numbers."""
    written, values = names(optimizer)
    body = [f"{name} = tl.load({name}_ + at, inside)" for name in (*written, "g")]
    body += [f"{name} = tl.load({name}_ + lane)" for name in values]
    body += lines(optimizer)
    body += [f"tl.store({name}_ + at, {name}, inside)" for name in written]
    arguments = ", ".join(f"{name}_" for name in (*written, "g", *values))
    unaligned = [f"{name}_" for name in values]  # else a recording may need a variant that is not loaded yet
    return KERNEL.format(arguments=arguments, unaligned=unaligned, lines="\n    ".join(body))


@cache
def _compiled(text: str) -> Any:
    """Triton reads a kernel's text from its source file; `linecache` provides a file that does not exist."""
    file = f"<{hash(text)}>"
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    module: dict[str, Any] = {"__name__": __name__}
    exec(compile(text, file, "exec"), module)
    return module["kernel"]
