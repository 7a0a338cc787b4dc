"""Any `torch.nn.Module` as a model: the weights of a run are its own, the module computes with them.

A module is built once in each process and holds no run's numbers: `torch.func.functional_call` runs its forward with
the tensors of a lane.

Axes: K lanes, B batch.

Long, because the ways that lanes go are read side by side.
"""

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.parameter import is_lazy

from hpsearch.components.architecture.model import Dropout, is_trained
from hpsearch.components.architecture.module_functions import Functions
from hpsearch.components.architecture.module_rows import as_rows
from hpsearch.components.init import Init, default_weight
from hpsearch.components.layers import Tensors


@dataclass(frozen=True)
class ModuleModel:
    """A class of modules with its arguments. `module_trial.settled` sets the other fields:
    together: True if the lanes go through the module together; else one after the other.
    rows: True if they do so as rows of one batch; else by vmap.
    masks: the dropout layers of its forward.
    draws: True if its forward draws other random numbers; they follow from a key of the run's, too.
    spoilers: the functions that its forward calls because of which the lanes do not go through it together.
    """

    cls: type[nn.Module]
    inputs: tuple[int, ...]
    outputs: int
    options: Mapping[str, Any] = field(default_factory=dict)
    together: bool = False
    rows: bool = False
    masks: int = 0
    draws: bool = False
    spoilers: tuple[str, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        return {name: vars(self)[name] for name in self.__dataclass_fields__}  # without the module

    @property
    def dropouts(self) -> int:
        """The number of layers that draw random numbers in a step."""
        return self.masks + self.draws

    @property
    def drops(self) -> bool:
        """True if its forward draws random numbers: by its own layers, with their own probabilities."""
        return self.dropouts > 0

    @property
    def parameters(self) -> int:
        """The number of trained values."""
        return sum(t.numel() for t in self._module.parameters() if t.requires_grad)

    def new_module(self, seed: int = 0) -> nn.Module:
        """A module as its constructor makes it, with PyTorch's random numbers from `seed`."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            module = self.cls(inputs=self.inputs, outputs=self.outputs, **self.options)
            if any(is_lazy(t) for t in (*module.parameters(), *module.buffers())):
                with torch.no_grad():
                    module.eval()(torch.zeros(2, *self.inputs))
        return module

    @cached_property
    def _module(self) -> nn.Module:
        """The module whose forward runs."""
        if "torch._dynamo" in sys.modules:  # then something may be compiled, which knows no lanes
            torch.compiler.set_stance("force_eager")
        return self.new_module()

    @cached_property
    def names(self) -> dict[str, str]:
        """The module's name of each parameter and buffer -> our name of its tensor. Tied names have the same one."""
        module, ours = self._module, {}
        for name, parameter in module.named_parameters():
            ours[id(parameter)] = name if parameter.requires_grad else _fixed(name)
        for name, buffer in module.named_buffers():
            ours[id(buffer)] = _fixed(name)
        every = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
        return {name: ours[id(t)] for name, t in every}

    @cached_property
    def _buffers(self) -> list[str]:
        """The module's names of tensors that its forward may replace."""
        return [name for name, ours in self.names.items() if not is_trained(ours)]

    def tensors(self, init: Init, generator: torch.Generator) -> Tensors:
        """The initial tensors of one run by our names, [1, ...] each. The module's own initial weights count, unless
        another scheme than ``init=default`` fills those of two axes or more."""
        module = self.new_module(int(torch.randint(2**63 - 1, (), generator=generator)))
        own = getattr(init, "func", init) is default_weight
        tensors: Tensors = {}
        for name, t in (*module.named_parameters(), *module.named_buffers()):
            ours, value = self.names[name], t.detach().clone(memory_format=torch.contiguous_format)
            if is_trained(ours) and value.ndim >= 2 and not own:
                init(value, generator=generator)
            tensors[ours] = value[None]
        return tensors

    def state_dict(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of one run, without the lane axis, as `nn.Module.load_state_dict` takes them."""
        return {name: tensors[self.names[name]] for name in self._module.state_dict()}

    def forward(self, tensors: Tensors, x: Tensor, dropout: Dropout | None, training: bool) -> Tensor:
        """x: [K, B, features] -> outputs [K, B, outputs]. In training, also updates the buffers in `tensors`. With
        `dropout`, units are dropped."""
        if self._module.training != training:
            self._module.train(training)
        x = x.view(*x.shape[:2], *self.inputs)
        keys = dropout.keys if dropout is not None and self.drops else None
        named = {name: tensors[ours] for name, ours in self.names.items()}
        low, own = x.dtype == torch.bfloat16, self.draws and keys is not None
        with torch.autocast(x.device.type, torch.bfloat16, enabled=low), torch.random.fork_rng([], own):
            if self.rows:
                return as_rows(self._module, named, x, dropout, keys)
            if self.together:
                lanes = vmap(partial(self._lane, dropout), in_dims=(0, 0, None if keys is None else 1))
                return lanes(named, x, keys)
            lanes_of = zip(*(t.unbind() for t in named.values()), strict=True)
            split = [dict(zip(named, of_lane, strict=True)) for of_lane in lanes_of]
            key = [None] * len(x) if keys is None else keys.unbind(1)
            return torch.stack([self._lane(dropout, *lane) for lane in zip(split, x, key, strict=True)])

    def _lane(self, dropout: Dropout | None, named: Tensors, x: Tensor, keys: Tensor | None) -> Tensor:
        """The forward of one lane, or under vmap of all. keys: [layers, 2]."""
        given = dict(named)
        if self.draws and keys is not None:
            high, low = keys[-1].tolist()
            torch.default_generator.manual_seed((high << 32) + low)
        masks = None if keys is None else keys[: self.masks]
        swaps = self.together or self.masks
        with Functions(dropout, masks, self.together, x.dtype) if swaps else nullcontext():
            outputs: Tensor = functional_call(self._module, given, (x,), tie_weights=False)
        for name in self._buffers:
            if given[name] is not named[name]:  # replaced, not written to
                named[name].copy_(given[name])
        return outputs


def _fixed(name: str) -> str:
    """Our name of a buffer or frozen parameter, see `is_trained`."""
    module, _, last = name.rpartition(".")
    return name if last.startswith("running_") else f"{module}.running_{last}".lstrip(".")
