"""Modules of users: how their lanes run, that they compute what PyTorch computes, and why some cannot train."""

import pickle

import pytest
import torch
from torch import Tensor, nn

from hpsearch.components.architecture.module import ModuleModel
from hpsearch.components.architecture.module_trial import settled
from hpsearch.components.init import INITS, default_weight
from hpsearch.components.layers import Tensors
from tests.modules import (
    FAULTS,
    ONE_BY_ONE,
    TOGETHER,
    Buffers,
    Convolutions,
    Inherited,
    Lazy,
    Linears,
    Noisy,
    Residual,
    Summed,
    Tied,
)

CPU = torch.device("cpu")
ROWS = torch.randn(2, 12, generator=torch.Generator().manual_seed(0))


def model_of(cls: type[nn.Module], together: bool | None = None, **options: float) -> ModuleModel:
    return settled(ModuleModel(cls, (12,), 4, options), ROWS, CPU, together)


def tensors_of(model: ModuleModel, seeds: range, init: object = default_weight) -> Tensors:
    runs = [model.tensors(init, torch.Generator().manual_seed(seed)) for seed in seeds]
    return {name: torch.cat([run[name] for run in runs]) for name in runs[0]}


@pytest.mark.parametrize("cls", TOGETHER)
def test_functions_that_keep_the_bits_go_together(cls: type[nn.Module]) -> None:
    model = model_of(cls)
    assert (model.together, model.spoilers) == (True, ())
    assert not model_of(cls, together=False).together


@pytest.mark.parametrize("cls", TOGETHER)
def test_linear_layers_and_functions_of_each_element_need_no_vmap(cls: type[nn.Module]) -> None:
    assert model_of(cls).rows == (cls in (Linears, Tied, Lazy, Inherited, Summed))


@pytest.mark.parametrize("cls", ONE_BY_ONE)
def test_any_other_function_takes_lane_by_lane(cls: type[nn.Module]) -> None:
    model = model_of(cls)
    assert not model.together
    assert model.spoilers


def test_the_functions_that_spoil_are_named() -> None:
    assert model_of(Convolutions).spoilers == ("conv2d", "batch_norm of more than 2 axes")
    assert model_of(Convolutions, together=True).together
    assert model_of(Noisy).spoilers[-1] == "random numbers"
    with pytest.raises(ValueError, match=r"^Noisy: .* random numbers, which lanes_together=true does not allow"):
        model_of(Noisy, together=True)


@pytest.mark.parametrize(
    ("cls", "together"),
    [*((cls, True) for cls in TOGETHER), *((cls, False) for cls in (*TOGETHER, *ONE_BY_ONE))],
)
def test_outputs_are_those_of_the_module_by_itself(cls: type[nn.Module], together: bool) -> None:
    model = model_of(cls, together)
    tensors = tensors_of(model, range(3))
    x = torch.randn(3, 7, 12)
    outputs = model.forward(tensors, x, None, training=False)
    for k in range(3):
        module = model.new_module(99)
        module.load_state_dict(model.state_dict({name: t[k] for name, t in tensors.items()}))
        exact = {} if together else {"rtol": 0, "atol": 0}
        torch.testing.assert_close(outputs[k], module.train(False)(x[k]), **({"rtol": 1e-4, "atol": 1e-6} | exact))


def test_a_state_dict_is_that_of_the_module() -> None:
    model = model_of(Buffers)
    module = model.new_module()
    own = model.state_dict({name: t[0] for name, t in tensors_of(model, range(1)).items()})
    assert {name: t.shape for name, t in own.items()} == {name: t.shape for name, t in module.state_dict().items()}


@pytest.mark.parametrize("together", [True, False])
def test_buffers_are_written_lane_by_lane_in_training_alone(together: bool) -> None:
    model = model_of(Buffers, together)
    tensors = tensors_of(model, range(2))
    assert tensors["running_steps"].dtype == torch.int64
    x = torch.randn(2, 5, 12)
    model.forward(tensors, x, None, training=True)
    assert tensors["running_steps"].tolist() == [1, 1]
    torch.testing.assert_close(tensors["running_mean"], 0.1 * x[:, 0])
    model.forward(tensors, x, None, training=False)
    assert tensors["running_steps"].tolist() == [1, 1]


def test_tied_weights_are_one_tensor() -> None:
    model = model_of(Tied)
    assert len(tensors_of(model, range(1))) == 5
    assert model.parameters == 12 * 12 + 12 + 12 + 12 * 4 + 4


def test_frozen_weights_and_buffers_are_not_trained() -> None:
    model = model_of(Buffers)
    assert model.parameters == 5 * 4 + 4
    assert "frozen.running_weight" in tensors_of(model, range(1))


def test_initial_weights_are_the_modules_own_or_the_schemes() -> None:
    model = model_of(Linears)
    own, again, other = (tensors_of(model, range(seed, seed + 1)) for seed in (3, 3, 4))
    assert torch.equal(own["net.0.weight"], again["net.0.weight"])
    assert not torch.equal(own["net.0.weight"], other["net.0.weight"])
    drawn = tensors_of(model, range(3, 4), INITS["orthogonal"])
    weight = drawn["net.3.weight"][0]
    torch.testing.assert_close(weight @ weight.T, torch.eye(16), rtol=0, atol=1e-5)
    assert torch.equal(drawn["net.3.bias"], own["net.3.bias"])


def test_building_a_module_leaves_pytorchs_random_numbers_alone() -> None:
    before = torch.get_rng_state()
    tensors_of(model_of(Noisy), range(2))
    assert torch.equal(before, torch.get_rng_state())


class Halves:
    """A `Dropout` that drops every second feature, and notes what it was asked for."""

    def __init__(self, layers: int) -> None:
        self.keys = torch.arange(2 * 2 * layers, dtype=torch.int32).view(layers, 2, 2)
        self.asked: list[tuple[float, int, int]] = []

    def __call__(self, h: Tensor, layer: int) -> Tensor:
        raise AssertionError("is for nets whose lanes have a probability")

    def mask(self, keys: Tensor, p: float, batch: int, features: int) -> Tensor:
        self.asked.append((p, batch, features))
        return torch.arange(features).remainder(2).expand(len(keys), batch, features) * 2.0


@pytest.mark.parametrize(
    ("cls", "together", "asked"),
    [(Residual, True, [(0.2, 5, 9)]), (Residual, False, [(0.2, 5, 9)] * 2), (Convolutions, False, [(0.3, 5, 5)] * 2)],
)
def test_dropout_layers_draw_their_masks_from_the_run(
    cls: type[nn.Module], together: bool, asked: list[tuple[float, int, int]]
) -> None:
    model = model_of(cls, together)
    assert model.dropouts == 1
    dropout, x = Halves(1), torch.randn(2, 5, 12)
    with_masks = model.forward(tensors_of(model, range(2)), x, dropout, training=True)
    assert dropout.asked == asked
    assert not torch.equal(with_masks, model.forward(tensors_of(model, range(2)), x, None, training=False))


def test_other_random_numbers_follow_from_the_key_of_the_run() -> None:
    model, x = model_of(Noisy), torch.randn(2, 5, 12)
    first, again = (model.forward(tensors_of(model, range(2)), x, Halves(1), training=True) for _ in range(2))
    assert torch.equal(first, again)
    alone = Halves(1)
    alone.keys = alone.keys[:, 1:]
    tensors = {name: t[1:] for name, t in tensors_of(model, range(2)).items()}
    assert torch.equal(model.forward(tensors, x[1:], alone, training=True)[0], first[1])


def test_a_model_is_pickled_without_its_module() -> None:
    model = model_of(Linears, width=999)
    assert len(pickle.dumps(model)) < 1000
    assert pickle.loads(pickle.dumps(model)) == model


class Compiled(Linears):
    def __init__(self, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.net = torch.compile(self.net)


@pytest.mark.filterwarnings("ignore:::torch")
def test_a_compiled_module_runs_uncompiled() -> None:
    model = model_of(Compiled)
    assert model.together
    assert model.forward(tensors_of(model, range(2)), torch.randn(2, 5, 12), None, training=True).shape == (2, 5, 4)


@pytest.mark.parametrize(("cls", "line"), FAULTS)
def test_a_module_that_cannot_train_is_a_line(cls: type[nn.Module], line: str) -> None:
    with pytest.raises(ValueError, match=f"^{line}"):
        settled(ModuleModel(cls, (12,), 4), ROWS, CPU, one_sample=True)


def test_a_class_inside_a_function_is_a_line() -> None:
    class Inside(Linears):
        pass

    with pytest.raises(ValueError, match="^Inside: must be a class at the top of a file"):
        model_of(Inside)
