"""Stand-ins for CUDA graphs on the CPU: what a function computes is recorded, operation by operation, and done again.

As with a real graph, only operations on tensors are recorded: Python runs once. Waiting for a number is refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hpsearch.engine import cuda_graphs, stack, trainer
from hpsearch.engine.stack_size import StackSize

CUDA = torch.device("cuda")  # no operation runs there


class Graph(TorchDispatchMode):
    """`torch.cuda.CUDAGraph`."""

    def __init__(self) -> None:
        super().__init__()
        self.replays = 0
        self._calls: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("a number is waited for in a recording")
        output = function(*args, **(kwargs or {}))
        self._calls.append((function, args, kwargs or {}, output))
        return output

    @property
    def operations(self) -> int:
        """How many of what is recorded compute something: a device launches a kernel or so for each."""
        returned = [function._schema.returns for function, *_ in self._calls]
        return sum(any(r.alias_info is None or r.alias_info.is_write for r in returns) for returns in returned)

    @torch.no_grad()
    def replay(self) -> None:
        """Everything again, in the same memory. The first time it is done: recording has computed it here."""
        self.replays += 1
        if self.replays == 1:
            return
        for function, args, kwargs, output in self._calls:
            again = function(*args, **kwargs)
            if all(returned.alias_info is None for returned in function._schema.returns):
                for held, new in zip(tree_leaves(output), tree_leaves(again), strict=True):
                    if held is not None:  # a gradient that nobody asked for
                        held.copy_(new)


class Stream:
    """`torch.cuda.Stream`: on the CPU all is in order."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def wait_stream(self, other: "Stream") -> None:
        pass


def recorded_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> list[Graph]:
    """From now on the engine records on the CPU as it does on a CUDA device; the graphs appear in the list."""
    made: list[Graph] = []

    @contextmanager
    def on(stream: Stream) -> Iterator[None]:
        yield

    @contextmanager
    def recording(graph: Graph, stream: Stream) -> Iterator[None]:
        made.append(graph)
        with graph:
            yield

    for name, stand_in in {
        "Stream": Stream,
        "current_stream": Stream,
        "stream": on,
        "CUDAGraph": Graph,
        "graph": recording,
    }.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    monkeypatch.setattr(stack, "graphed", lambda function, device: cuda_graphs.graphed(function, CUDA))
    monkeypatch.setattr(trainer, "StackSize", lambda tries: StackSize(tries=False))
    return made
