"""The plain loop as a CUDA graph: each step is captured once and then replayed. The fastest plain way on a GPU."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.plain import OPTIMIZERS, accuracy, net
from hpsearch.engine.spec import StackSpec

WARM_UP = 3  # steps before a capture, as PyTorch's notes on CUDA graphs ask; a run has 4,240, so they do not show


def graph_loop(program: StackSpec, name: str, lr: float, seed: int, epochs: int) -> float:
    """One run; validates after each epoch, tests once, returns the validation accuracy."""
    torch.manual_seed(seed)
    model, data = net(program), program.data
    options: dict[str, Any] = {"lr": lr} | ({} if name == "sgd" else {"capturable": True})
    optimizer = OPTIMIZERS[name](model.parameters(), **options)
    indices = torch.arange(program.batch_size, device=program.device)

    def step(batch: Tensor) -> Callable[[], None]:
        def take() -> None:
            optimizer.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(model(data.train.x[batch]), data.train.y[batch]).backward()
            optimizer.step()

        return take

    whole = _captured(step(indices), optimizer)
    rest = indices[: len(data.train) % program.batch_size]  # the last batch of an epoch is smaller
    last = _captured(step(rest), optimizer) if len(rest) else None
    validation = 0.0
    for _ in range(epochs):
        for batch in torch.randperm(len(data.train), device=program.device).split(program.batch_size):
            indices[: len(batch)].copy_(batch)
            graph = whole if len(batch) == program.batch_size else last
            assert graph is not None
            graph.replay()
        validation = accuracy(model, data.validation)
    accuracy(model, data.test)
    return validation


def _captured(step: Callable[[], None], optimizer: torch.optim.Optimizer) -> torch.cuda.CUDAGraph:
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    optimizer.zero_grad(set_to_none=True)  # so that the gradients are allocated in the graph's own memory
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph
