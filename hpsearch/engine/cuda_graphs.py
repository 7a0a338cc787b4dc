"""CUDA graphs: record the kernels of a function once, then launch them together.

A step of a small net runs about a hundred kernels of a few microseconds. Launching them one by one takes the host
longer than the device needs to run them. On the CPU the function stays as it is.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

Output = TypeVar("Output")


def graphed(function: Callable[..., Output], device: torch.device) -> Callable[..., Output]:
    """The function as a CUDA graph if `device` is a CUDA device, else unchanged.

    Its arguments are tensors. All other tensors that it reads or writes must keep their memory. The function must not
    synchronize with the host. The next call overwrites its output.
    """
    return _Graphed(function, device) if device.type == "cuda" else function


class _Graphed(Generic[Output]):
    """A graph for each combination of the arguments' shapes. The first call runs the function as the warm-up that
    recording needs; the second call records."""

    def __init__(self, function: Callable[..., Output], device: torch.device) -> None:
        self._function = function
        self._stream = torch.cuda.Stream(device)  # because the default stream cannot record
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
