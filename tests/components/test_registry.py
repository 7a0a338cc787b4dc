"""Registered parts: their names, their options by signature, and what is refused."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

import hpsearch
from hpsearch.components import registry
from hpsearch.errors import OutOfRange, UsageError

pytestmark = pytest.mark.usefixtures("module")  # forgets the parts


def options(group: str, name: str) -> dict[str, Any]:
    (part,) = [part for part in registry.plugin_parts() if (part.group, part.name) == (group, name)]
    return part.options()


def test_register_is_cheap_to_import() -> None:
    code = (
        "import sys, hpsearch; hpsearch.register('optimizer')(lambda: 1) if 0 else hpsearch.register; "
        "print({'torch', 'hydra', 'numpy', 'omegaconf'} & sys.modules.keys())"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"


@pytest.mark.parametrize(
    ("name", "option"),
    [("MyCNN", "my_cnn"), ("SignSGD", "sign_sgd"), ("CNN", "cnn"), ("linear", "linear"), ("Net2Deep", "net2_deep")],
)
def test_the_name_of_a_class_becomes_that_of_an_option(name: str, option: str) -> None:
    part = hpsearch.register("optimizer")(type(name, (), {}))
    assert registry.registered("optimizer")[option] is part


def test_the_table_of_a_group_is_live() -> None:
    from hpsearch.components.optimizer import OPTIMIZERS

    @hpsearch.register("optimizer", "mine")
    @dataclass(frozen=True)
    class Whatever:
        weight_decay: float = 0.0

    assert registry.registered("optimizer") is OPTIMIZERS
    assert registry.build(OPTIMIZERS, {"name": "mine", "weight_decay": 1}) == Whatever(1)
    with pytest.raises(OutOfRange, match="weight_decay=x: must be a number"):
        registry.build(OPTIMIZERS, {"name": "mine", "weight_decay": "x"})


@pytest.mark.parametrize(("about", "lr"), [({}, 0.001), ({"lr": 0.5}, 0.5)])
def test_options_come_from_the_signature_and_an_optimizer_has_a_learning_rate(about: dict[str, Any], lr: float) -> None:
    @hpsearch.register("optimizer", "mine", **about)
    def make(betas: tuple[float, float] = (0.9, 0.99), nesterov: bool = False, **rest: Any) -> None: ...

    assert options("optimizer", "mine") == {"lr": lr, "betas": [0.9, 0.99], "nesterov": False}


def test_the_arguments_that_the_program_gives_are_no_options() -> None:
    @hpsearch.register("architecture")
    class MyNet(torch.nn.Module):
        def __init__(self, inputs: tuple[int, ...], outputs: int, width: int = 8) -> None:
            super().__init__()

    @hpsearch.register("init")
    def small(tensor: torch.Tensor, bound: float = 0.1, *, generator: torch.Generator) -> None: ...

    @hpsearch.register("schedule")
    def falling(now: np.ndarray, end: int, final: float = 0.1) -> np.ndarray:
        return 1 + (final - 1) * now / end

    found = options("architecture", "my_net"), options("init", "small"), options("schedule", "falling")
    assert found == ({"width": 8}, {"bound": 0.1}, {"final": 0.1})
    schedule = registry.build(registry.registered("schedule"), {"name": "falling", "final": 0.5})
    assert list(schedule(np.array([0, 5]), 10)) == [1, 0.75]
    with pytest.raises(OutOfRange, match="final=x: must be a number"):
        registry.build(registry.registered("schedule"), {"name": "falling", "final": "x"})


def test_an_activation_and_a_metric_take_the_place_of_a_builtin_one() -> None:
    from hpsearch.components.layers import ACTIVATIONS
    from hpsearch.components.metric import Metric, metric_of

    @hpsearch.register("activation")
    def squared(h: torch.Tensor) -> torch.Tensor:
        return h.square()

    @hpsearch.register("metric", maximize=False, unit="target", kind="regression")
    def worst(y: np.ndarray, prediction: np.ndarray) -> float:
        return float(np.abs(y - prediction).max())

    assert ACTIVATIONS["squared"](torch.tensor(3.0), 0.01) == 9
    assert metric_of("worst", "regression") == Metric("worst", worst, "regression", "values", False, "target")


def test_the_same_part_may_be_registered_again() -> None:
    """A module that is loaded anew makes its functions anew."""

    def define() -> Callable[..., None]:
        @hpsearch.register("optimizer")
        def mine() -> None: ...

        return mine

    define()
    again = define()
    assert registry.registered("optimizer")["mine"] is again


def one(h: Any) -> Any: ...


def two(h: Any) -> Any: ...


def needs(h: Any, bound: float) -> Any: ...


def object_default(h: Any, how: Any = print) -> Any: ...


def named(name: str = "x") -> Any: ...


def net(inputs: Any, outputs: Any, width: int = 3) -> Any: ...


def with_lr(lr: float = 0.1) -> Any: ...


@pytest.mark.parametrize(
    ("group", "part", "about", "line"),
    [
        ("optimiser", one, {}, "the group must be one of architecture, data, optimizer, "),
        ("optimizer", one, {"name": "adam"}, "the name is taken by hpsearch itself; give it another one: register("),
        ("architecture", one, {"name": "svc"}, "the name is taken by hpsearch itself"),
        ("init", one, {"name": "a b"}, 'needs a name: register("init", "<name>")'),
        ("init", type("One", (), {}), {}, "must be a function, not a class"),
        ("schedule", 3, {}, "must be a function or class"),
        ("optimizer", with_lr, {}, "lr cannot be an option, because it is an argument of register"),
        ("optimizer", one, {"speed": 3}, "register got an unexpected keyword argument 'speed'"),
        ("optimizer", one, {"lr": -1}, "lr=-1: must be a number above 0"),
        ("architecture", net, {}, "must be a class derived from torch.nn.Module, so that hpsearch makes the net"),
        ("data", named, {}, "name cannot be an option"),
        ("init", needs, {}, "its option bound has no default; write bound=… there"),
        ("activation", needs, {}, "its option bound has no default"),
        ("init", object_default, {}, "how=<built-in function print>: the default must be a number, a text, true"),
        ("metric", one, {}, "register needs maximize=True or maximize=False"),
        ("metric", one, {"maximize": True, "reads": "lables"}, "reads=lables: must be one of labels, probabilities"),
        ("metric", one, {"maximize": True, "reads": "labels", "kind": "regression"}, "must be classification for"),
        ("metric", one, {"maximize": True, "unit": "kg"}, 'unit=kg: must be one of "", "%", "target"'),
    ],
)
def test_a_wrong_part_is_one_line_with_its_place(group: str, part: Any, about: dict[str, Any], line: str) -> None:
    def enter() -> None:
        hpsearch.register(group, **about)(part)
        registry.plugin_parts()[-1].options()

    with pytest.raises(UsageError) as error:
        enter()
    (fault,) = error.value.faults
    assert line in fault
    if part in (one, needs, named):
        assert "test_registry.py:" in fault


def test_a_name_that_another_plugin_took_names_both() -> None:
    hpsearch.register("init", "mine")(one)
    with pytest.raises(
        UsageError, match=r"init=mine \(\S+test_registry.py:\d+\): the name is taken by \S+registry.py:"
    ):
        hpsearch.register("init", "mine")(two)
    assert registry.registered("init")["mine"] is one


def test_register_without_a_group_is_one_line() -> None:
    with pytest.raises(UsageError, match="^@hpsearch.register on one: must name a group, as in @hpsearch.register"):
        hpsearch.register(one)  # type: ignore[arg-type]
