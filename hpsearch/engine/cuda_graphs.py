"""CUDA graphs: a function of tensors whose kernels are recorded once and then launched as a whole.

A step of a small net is some hundred kernels of a few microseconds each; launching them one by one takes the host
longer than the device takes to run them. On the CPU there is nothing to record: the function is called as it is.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

Output = TypeVar("Output")


def graphed(function: Callable[..., Output], device: torch.device) -> Callable[..., Output]:
    """The same function, as graphs where `device` is a CUDA device.

    Its arguments are tensors; whatever else it reads or writes must stay where it is. It may wait for nothing, and its
    outputs are overwritten by the next call.
    """
    return _Graphed(function, device) if device.type == "cuda" else function


class _Graphed(Generic[Output]):
    """A graph for each combination of the arguments' shapes. Its first call runs as it is, which also is the warm-up
    that recording needs; the second records."""

    def __init__(self, function: Callable[..., Output], device: torch.device) -> None:
        self._function = function
        self._stream = torch.cuda.Stream(device)  # to record on: not possible on the default one
        self._graphs: dict[tuple[torch.Size, ...], tuple[torch.cuda.CUDAGraph, tuple[Tensor, ...], Output] | None] = {}

    def __call__(self, *arguments: Tensor) -> Output:
        shapes = tuple(argument.shape for argument in arguments)
        if shapes not in self._graphs:
            self._graphs[shapes] = None
            return self._warm_up(arguments)
        recorded = self._graphs[shapes]
        if recorded is None:
            recorded = self._graphs[shapes] = self._record(arguments)
        graph, inputs, output = recorded
        for held, argument in zip(inputs, arguments, strict=True):
            held.copy_(argument)
        graph.replay()
        return output

    def _warm_up(self, arguments: tuple[Tensor, ...]) -> Output:
        here = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            output = self._function(*arguments)
        here.wait_stream(self._stream)
        return output

    def _record(self, arguments: tuple[Tensor, ...]) -> tuple[torch.cuda.CUDAGraph, tuple[Tensor, ...], Output]:
        inputs = tuple(argument.clone() for argument in arguments)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._stream):
            output = self._function(*inputs)
        return graph, inputs, output
