"""Try a module before anything trains: how its lanes run, and a line that says why it cannot train.

The rule that decides how lanes run reads the functions that the forward calls and the device, never a clock, because
the bits of a run may depend on it.

Long, because it is a list of everything that can be wrong with a module, each with its line.
"""

import copy
import pickle
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from hpsearch.components.architecture.model import is_trained
from hpsearch.components.architecture.module import ModuleModel
from hpsearch.components.architecture.module_functions import Functions
from hpsearch.components.architecture.module_rows import keeps_rows
from hpsearch.components.architecture.module_rule import spoiler
from hpsearch.components.init import default_weight
from hpsearch.components.layers import Tensors
from hpsearch.errors import UsageError

OWN = frozenset(vars(nn.Module()))  # attributes that every module has


def settled(
    model: ModuleModel, rows: Tensor, device: torch.device, together: bool | None = None, one_sample: bool = False
) -> ModuleModel:
    """The model with the fields that a trial of its forward decides.

    rows: two of the training split, [2, features]. together: None to follow the rule.
    one_sample: True if a batch in training may have only one.

    Raises ValueError with a line if the module cannot train.
    """
    name = model.cls.__name__
    with _told(f"{name}: its constructor"):
        module, tensors = model.new_module(), model.tensors(default_weight, torch.Generator())
    _check_module(model, module)
    tensors = {ours: t.to(device) for ours, t in tensors.items()}
    x = rows.to(device).view(-1, *model.inputs)
    state = _state(module)
    training = _tried(model, module, tensors, x, training=True)
    evaluating = _tried(model, module, tensors, x, training=False)
    _tried(model, module, tensors, x[:1], training=False)
    if one_sample:
        with _told(f"{name}: a batch of one sample is left, for which its forward", "; choose another batch_size"):
            _call(model, module.train(), tensors, x[:1], _Recorder(device, 1))
    changed = [path for path, value in _state(module).items() if path not in state or not _same(value, state[path])]
    _require(not changed, f"{name}: its forward sets self.{changed[0] if changed else ''}; all runs share the module, "
             "so keep numbers of a run in a buffer (register_buffer) and write to it")  # fmt: skip
    spoilers = [*{**training.spoilers, **evaluating.spoilers}]
    model = replace(model, masks=training.drawn, draws=training.draws)
    if device.type == "cuda":
        _require(not model.draws, f"{name}: its forward draws random numbers, which only the CPU can take from the "
                 "run's seed; on a CUDA device use dropout layers")  # fmt: skip
        spoilers = [each for each in spoilers if "conv" in each]  # a group of channels for each lane is slow
    elif model.draws:
        spoilers.append("random numbers")
    if together is False or (together is None and spoilers):
        return replace(model, spoilers=tuple(spoilers))
    _require(not model.draws, f"{name}: its forward draws random numbers, which lanes_together=true does not allow; "
             "leave it out")  # fmt: skip
    one = replace(model, together=True, rows=training.rows and evaluating.rows)
    try:
        for mode in (True, False):
            stacked = {ours: t.repeat(2, *[1] * (t.ndim - 1)) for ours, t in tensors.items()}
            one.forward(stacked, x.flatten(1).repeat(2, 1, 1), _Kept(model.masks, device) if mode else None, mode)
    except Exception as error:
        why = f"torch.func.vmap: {_line(error)}"
        _require(together is None, f"{name}: lanes_together=true does not work ({why}); leave it out")
        return replace(model, spoilers=("torch.func.vmap",))
    return one


def _check_module(model: ModuleModel, module: Any) -> None:
    """Raise ValueError for a module that holds what no lane can have for itself."""
    name = model.cls.__name__
    try:
        pickle.dumps(model)
    except Exception as error:
        raise ValueError(
            f"{name}: must be a class at the top of a file, with options of plain values, because workers get it "
            f"pickled ({_line(error)})"
        ) from error
    known = {id(t) for t in (*module.parameters(), *module.buffers())}
    for path, value in _state(module).items():
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
        loose = any(isinstance(t, Tensor) and id(t) not in known for t in inside)
        key = path.rpartition(".")[2]
        _require(not loose, f"{name}: self.{path} is a tensor that runs would share; write "
                 f"self.register_buffer({key!r}, …), so that each run has its own")  # fmt: skip
    trained = {path: p for path, p in module.named_parameters() if p.requires_grad}
    _require(bool(trained), f"{name}: has no parameter to train")
    for path, p in trained.items():
        key = path.rpartition(".")[2]
        _require(is_trained(path), f"{name}: its parameter {path} needs a name that does not begin with running_")
        _require(p.is_floating_point(), f"{name}: its parameter {path} is {p.dtype}, must be floating point")
        _require(p.layout == torch.strided, f"{name}: its parameter {key} is sparse, must be dense")


class _Recorder(Functions):
    """Notes the functions that a forward calls; drops no unit."""

    def __init__(self, device: torch.device, batch: int) -> None:
        super().__init__(None, None, together=False, dtype=torch.float32)
        self.batch = batch
        self.spoilers: dict[str, None] = {}
        self.draws, self.rows = False, True
        self.own: set[int] = set()  # ids of the parameters and buffers
        self._device = device

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if found := spoiler(function, args, kwargs or {}):
            self.spoilers[found] = None
        self.rows = self.rows and keeps_rows(function, args, kwargs or {}, self.own, self.batch)
        return super().__torch_function__(function, types, args, kwargs)

    def factors(self, p: float, shape: tuple[int, ...]) -> Tensor:
        self.drawn += 1
        return torch.ones(shape, device=self._device)


class _Kept:
    """A `Dropout` of two lanes that drops no unit."""

    def __init__(self, layers: int, device: torch.device) -> None:
        self.keys = torch.zeros(layers, 2, 2, dtype=torch.int32, device=device)

    def __call__(self, h: Tensor, layer: int) -> Tensor:
        return h

    def mask(self, keys: Tensor, p: float, batch: int, features: int) -> Tensor:
        return torch.ones(len(keys), batch, features, device=keys.device)


def _call(model: ModuleModel, module: nn.Module, tensors: Tensors, x: Tensor, recorder: _Recorder) -> Any:
    named = {name: tensors[ours][0].clone().requires_grad_(is_trained(ours)) for name, ours in model.names.items()}
    recorder.own = {id(t) for t in named.values()}
    with recorder:
        outputs = functional_call(module, named, (x,), tie_weights=False)
    return outputs, named


def _tried(model: ModuleModel, module: nn.Module, tensors: Tensors, x: Tensor, training: bool) -> _Recorder:
    """Run the forward once. Raises ValueError if it breaks a rule."""
    name, recorder, given = model.cls.__name__, _Recorder(x.device, len(x)), x.clone()
    module.train(training)
    states = torch.get_rng_state(), random.getstate(), repr(np.random.get_state())
    with _told(f"{name}: its forward"):
        outputs, named = _call(model, module, tensors, given, recorder)
    recorder.draws = not torch.equal(states[0], torch.get_rng_state())
    torch.set_rng_state(states[0])
    must = f"a tensor [batch, outputs], here [{len(x)}, {model.outputs}]"
    is_tensor = isinstance(outputs, Tensor)
    shape = list(outputs.shape) if is_tensor else type(outputs).__name__
    right = is_tensor and shape == [len(x), model.outputs] and outputs.is_floating_point()
    _require(right, f"{name}: its forward gives {shape}, must give {must}")
    _require(torch.equal(given, x), f"{name}: its forward changes its input in place; let it work on a copy")
    others = states[1:] == (random.getstate(), repr(np.random.get_state()))
    _require(others, f"{name}: its forward draws random numbers of Python or NumPy, which do not follow from the "
             "run's seed; use PyTorch's")  # fmt: skip
    if training:
        _require(outputs.requires_grad, f"{name}: no parameter takes part in its forward")
    else:
        random_numbers = recorder.draws or recorder.drawn > 0
        _require(not random_numbers, f"{name}: its forward draws random numbers outside training, too; for dropout "
                 "write F.dropout(x, p, self.training) or use nn.Dropout")  # fmt: skip
        fixed = [n for n, ours in model.names.items() if not torch.equal(named[n].detach(), tensors[ours][0])]
        _require(not fixed, f"{name}: its forward changes {fixed[0] if fixed else ''} outside training; do so only "
                 "if self.training")  # fmt: skip
    return recorder


def _state(module: nn.Module) -> dict[str, Any]:
    """The attributes of a module and of those in it that the user wrote, by path, without parameters, buffers and
    modules."""
    state = {}
    written = [each for each in module.named_modules() if not type(each[1]).__module__.startswith("torch.")]
    for path, part in written:
        for key, value in vars(part).items():
            if key not in OWN:
                plain = isinstance(value, list | dict | set)
                state[f"{path}.{key}".lstrip(".")] = copy.copy(value) if plain else value
    return state


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    with suppress(Exception):
        return type(one) is type(other) and bool(one == other)
    return False


@contextmanager
def _told(what: str, cure: str = "") -> Iterator[None]:
    """Inside, any error becomes a ValueError of one line."""
    try:
        yield
    except UsageError:  # of an option, which the constructor has checked
        raise
    except Exception as error:
        raise ValueError(f"{what} raises {_line(error)}{cure}") from error


def _line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def _require(valid: bool, line: str) -> None:
    if not valid:
        raise ValueError(line)
