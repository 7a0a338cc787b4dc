"""An optimizer's step as one kernel: its lines are run here as they stand, on PyTorch's numbers, and by Triton's
interpreter where Triton is installed, on a device where there is one."""

import os
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from hpsearch.components.optimizer import OPTIMIZERS as REGISTERED
from hpsearch.components.optimizer import SGD, Adam, Optimizer
from hpsearch.engine import cuda_fused
from tests.programs import VARIANTS

OPTIMIZERS = [REGISTERED[name](**options) for name, options in VARIANTS]
TL = SimpleNamespace(sqrt_rn=torch.sqrt, div_rn=torch.div)

Arguments = tuple[Tensor, Tensor, dict[str, Tensor], dict[str, Tensor]]


def arguments(
    optimizer: Optimizer, seed: int, step: int, shape: tuple[int, ...] = (3, 4, 5), device: str = "cpu"
) -> Arguments:
    """Weights, gradient, state and a lane's numbers, the learning rate another in each lane."""
    generator = torch.Generator().manual_seed(seed)
    p, g = torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)
    buffers = {name: torch.rand(shape, generator=generator) for name in optimizer.buffers}
    lanes = [optimizer.values(np.array([lr]), np.array([step])) for lr in torch.rand(shape[0], generator=generator)]
    v = {name: torch.tensor([[[float(np.squeeze(lane[name]))]] for lane in lanes]) for name in lanes[0]}
    at = torch.device(device)
    buffers, v = ({name: t.to(at) for name, t in named.items()} for named in (buffers, v))
    return p.to(at), g.to(at), buffers, v


def as_lines(optimizer: Optimizer, p: Tensor, g: Tensor, buffers: dict[str, Tensor], v: dict[str, Tensor]) -> None:
    """The step by the kernel's lines."""
    written, values = cuda_fused.names(optimizer)
    tensors = [p, *buffers.values()]
    held: dict[str, Any] = {"tl": TL, "g": g} | dict(zip(written, tensors, strict=True))
    held |= dict(zip(values, v.values(), strict=True))
    exec("\n".join(cuda_fused.lines(optimizer)), held)
    for tensor, name in zip(tensors, written, strict=True):
        tensor.copy_(held[name])


def assert_equal_steps(optimizer: Optimizer, update: cuda_fused.Update, these: Arguments) -> None:
    """`update` does what the optimizer's own does, but for the last bits."""
    p, g, buffers, v = these
    q, others = p.clone(), {name: t.clone() for name, t in buffers.items()}
    optimizer.update(p, g, buffers, v)
    update(q, g, others, v)
    torch.testing.assert_close(q, p, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(others, buffers, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@given(seed=st.integers(0, 1000), step=st.integers(1, 10_000))
def test_the_lines_of_a_kernel_are_the_optimizers_step(optimizer: Optimizer, seed: int, step: int) -> None:
    assert_equal_steps(optimizer, partial(as_lines, optimizer), arguments(optimizer, seed, step))


def on(device: str) -> None:
    """Every optimizer's kernel, on more numbers than one instance of it updates."""
    for optimizer in OPTIMIZERS:
        assert_equal_steps(optimizer, cuda_fused.by_kernel(optimizer), arguments(optimizer, 0, 3, (3, 41, 50), device))


@pytest.mark.slow
@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
def test_tritons_interpreter_takes_the_kernels() -> None:
    command = [sys.executable, "-c", "from tests.engine.test_cuda_fused import on; on('cpu')"]
    environment = os.environ | {"TRITON_INTERPRET": "1"}  # read when a kernel is made
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.gpu
def test_a_device_takes_the_kernels() -> None:
    on("cuda")
    assert all(cuda_fused.fused(optimizer, torch.device("cuda")) != optimizer.update for optimizer in OPTIMIZERS)


def test_an_update_with_an_operation_that_is_not_known_stays_as_it_is_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Sign(SGD):
        def update(self, p: Tensor, g: Tensor, buffers: dict[str, Tensor], v: dict[str, Tensor]) -> None:
            p.addcmul_(g.sign(), v["-lr"])

    said: list[str] = []
    monkeypatch.setattr(cuda_fused.log, "warning", said.append)
    monkeypatch.setattr(cuda_fused, "find_spec", lambda name: True)
    for _ in range(2):
        assert cuda_fused.fused(sign := Sign(), torch.device("cuda")) == sign.update
    (message,) = said
    assert message.startswith("Sign's step is not fused, which is slower: AttributeError: ")
    assert message.endswith("has no attribute 'sign'")


def test_where_triton_finds_no_compiler_an_update_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(cuda_fused.log, "warning", said.append)

    def broken(text: str) -> None:
        raise RuntimeError("Failed to find C compiler.\nPlease specify via CC environment variable.")

    monkeypatch.setattr(cuda_fused, "find_spec", lambda name: True)
    monkeypatch.setattr(cuda_fused, "_compiled", broken)
    assert cuda_fused.fused(adam := Adam(), torch.device("cuda")) == adam.update
    assert said == ["Adam's step is not fused, which is slower: RuntimeError: Failed to find C compiler."]


def test_on_the_cpu_an_update_stays_as_it_is() -> None:
    assert cuda_fused.fused(adam := Adam(), torch.device("cpu")) == adam.update
