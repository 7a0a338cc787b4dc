from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from hpsearch.components import layers
from hpsearch.components.layers import ACTIVATIONS, matmul
from hpsearch.components.normalization import BatchNorm, LayerNorm, NoNorm, Normalization
from tests.programs import examples

sizes = st.one_of(st.integers(1, 70), st.sampled_from([100, 128, 200, 400, 784]))


@examples(150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lanes=st.integers(2, 9), rows=sizes, columns=sizes, inner=sizes, n_threads=st.sampled_from([1, 2]))
def test_products_do_not_depend_on_the_number_of_lanes(
    lanes: int, rows: int, columns: int, inner: int, n_threads: int, threads: Callable[[int], None]
) -> None:
    threads(n_threads)
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(lanes, rows, inner, generator=generator), torch.randn(lanes, inner, columns, generator=generator)
    bias = torch.randn(lanes, 1, columns, generator=generator)
    transposed = a.mT.contiguous().mT, b.mT.contiguous().mT
    for left, right in ((a, b), (a, transposed[1]), (transposed[0], b)):
        together = matmul(left, right, bias)
        torch.testing.assert_close(together, left @ right + bias, rtol=1e-4, atol=1e-4)
        for k in range(lanes):
            assert torch.equal(matmul(left[k : k + 1], right[k : k + 1], bias[k : k + 1])[0], together[k])


def test_linear_equals_nn_linear_lane_by_lane_with_its_gradients() -> None:
    modules = [nn.Linear(7, 5).double() for _ in range(3)]
    h = torch.randn(3, 11, 7, dtype=torch.float64, requires_grad=True)
    weight = torch.stack([m.weight.detach() for m in modules]).requires_grad_()
    bias = torch.stack([m.bias.detach()[None] for m in modules]).requires_grad_()
    assert torch.autograd.gradcheck(layers.linear, (h, weight, bias))
    output = layers.linear(h, weight, bias)
    for k, module in enumerate(modules):
        torch.testing.assert_close(output[k], module(h[k]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("ours", "theirs"), [(BatchNorm(), nn.BatchNorm1d), (LayerNorm(), nn.LayerNorm)])
def test_normalisation_equals_pytorchs_lane_by_lane_in_training_and_after(
    ours: Normalization, theirs: type[nn.Module]
) -> None:
    modules = [theirs(6).double() for _ in range(3)]
    tensors = {f"norm0.{name}": t.double().repeat(3, 1, 1) for name, t in ours.tensors(6).items()}
    for training in (True, True, False):
        h = 3 * torch.randn(3, 10, 6, dtype=torch.float64) + 1
        output = ours(h, tensors, "norm0", training)
        for k, module in enumerate(modules):
            torch.testing.assert_close(output[k], module.train(training)(h[k]), rtol=1e-10, atol=1e-10)
    if isinstance(ours, BatchNorm):
        for k, module in enumerate(modules):
            torch.testing.assert_close(tensors["norm0.running_mean"][k, 0], module.running_mean)
            torch.testing.assert_close(tensors["norm0.running_var"][k, 0], module.running_var)


def test_no_normalisation_changes_nothing() -> None:
    h = torch.randn(2, 3, 4)
    assert NoNorm()(h, {}, "norm0", True) is h


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activations_do_not_depend_on_the_place_of_a_lane(
    name: str, n_threads: int, threads: Callable[[int], None]
) -> None:
    threads(n_threads)
    for shape in ((3, 7, 5), (7, 3, 129), (2, 1, 1)):
        h, g = 3 * torch.randn(shape), torch.randn(shape)
        together = h.clone().requires_grad_()
        output = ACTIVATIONS[name](together, 0.1)
        (gradient,) = torch.autograd.grad(output, together, g)
        for k in range(len(h)):
            alone = h[k : k + 1].clone().requires_grad_()
            own = ACTIVATIONS[name](alone, 0.1)
            assert torch.equal(own[0], output[k])
            assert torch.equal(torch.autograd.grad(own, alone, g[k : k + 1].clone())[0][0], gradient[k])


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activations_equal_pytorchs(name: str) -> None:
    h = torch.linspace(-8, 8, 1001, dtype=torch.float64)
    references = {
        "relu": F.relu,
        "leaky_relu": lambda x: F.leaky_relu(x, 0.1),
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "identity": lambda x: x,
        "gelu": F.gelu,
        "step": lambda x: torch.heaviside(x, torch.tensor(0.5, dtype=x.dtype)),
    }
    torch.testing.assert_close(ACTIVATIONS[name](h, 0.1), references[name](h), rtol=1e-12, atol=1e-15)
