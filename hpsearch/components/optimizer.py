"""Optimizers with a lane axis: `torch.optim`'s formulas, every hyperparameter a value per lane.

`torch.optim` has one learning rate per tensor; a parameter group per lane would multiply the launches by the lanes.
Here a hyperparameter is a tensor [K, 1, 1] that broadcasts over the stacked weights. The tests compare with
`torch.optim`.

An optimizer object holds the hyperparameters of one run. Lanes whose optimizers have the same `kind` are updated
together; so a lane computes the same terms as it would alone. To add an optimizer to hpsearch, write a class with the
methods of `Optimizer`, name it in `OPTIMIZERS` and add ``conf/optimizer/<name>.yaml``.

Long, because the four optimizers share terms and are read side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from hpsearch.components import registry
from hpsearch.errors import require

if TYPE_CHECKING:  # torch takes a second, and checking a configuration must not wait for it
    from torch import Tensor

    Values = dict[str, np.ndarray | float]
    Buffers = dict[str, Tensor]


class Optimizer(Protocol):
    """The protocol of an optimizer."""

    @property
    def kind(self) -> Hashable:
        """Equal for optimizers with the same arithmetic: any of them can update the lanes of all."""

    @property
    def buffers(self) -> tuple[str, ...]:
        """The names of the state tensors of each parameter; they start at zero."""

    def values(self, lr: np.ndarray, step: np.ndarray) -> Values:
        """The numbers that `update` reads in each step, by name: float64, [steps] or one for all steps.

        lr: [steps] learning rates. step: [steps] the run's step numbers, from 1.
        """

    def update(self, p: Tensor, g: Tensor, buffers: Buffers, v: dict[str, Tensor]) -> None:
        """Update p and the buffers in place. p, gradient g and each buffer: [K, ...]; each value of v: [K, 1, 1].

        On a CUDA device `engine/cuda_fused.py` compiles this method into one kernel, if it knows each operation.
        """


DEFAULT_LR = 0.001  # of a registered optimizer that names none


@dataclass(frozen=True)
class SGD:
    """`torch.optim.SGD`: momentum, Nesterov, weight decay."""

    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        require(0 <= self.momentum < 1, "momentum", self.momentum, "at least 0 and below 1")
        require(0 <= self.weight_decay < np.inf, "weight_decay", self.weight_decay, "at least 0")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov=true: needs a momentum above 0, e.g. optimizer.momentum=0.9")

    @property
    def kind(self) -> Hashable:
        return SGD, bool(self.momentum), self.nesterov, bool(self.weight_decay)

    @property
    def buffers(self) -> tuple[str, ...]:
        return ("momentum",) if self.momentum else ()

    def values(self, lr: np.ndarray, step: np.ndarray) -> Values:
        return {"-lr": -lr, "momentum": self.momentum, "weight_decay": self.weight_decay}

    def update(self, p: Tensor, g: Tensor, buffers: Buffers, v: dict[str, Tensor]) -> None:
        if self.weight_decay:
            g = g.addcmul(p, v["weight_decay"])
        if self.momentum:
            momentum = buffers["momentum"].mul_(v["momentum"]).add_(g)
            g = g.addcmul(momentum, v["momentum"]) if self.nesterov else momentum
        p.addcmul_(g, v["-lr"])


@dataclass(frozen=True)
class RMSprop:
    """`torch.optim.RMSprop` with its defaults: without momentum, not centered."""

    buffers = ("square_avg",)
    alpha: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        require(0 <= self.alpha < 1, "alpha", self.alpha, "at least 0 and below 1")
        require(0 < self.eps < np.inf, "eps", self.eps, "above 0")
        require(0 <= self.weight_decay < np.inf, "weight_decay", self.weight_decay, "at least 0")

    @property
    def kind(self) -> Hashable:
        return RMSprop, bool(self.weight_decay)

    def values(self, lr: np.ndarray, step: np.ndarray) -> Values:
        alpha = self.alpha
        return {"-lr": -lr, "alpha": alpha, "1-alpha": 1 - alpha, "eps": self.eps, "weight_decay": self.weight_decay}

    def update(self, p: Tensor, g: Tensor, buffers: Buffers, v: dict[str, Tensor]) -> None:
        if self.weight_decay:
            g = g.addcmul(p, v["weight_decay"])
        square_avg = buffers["square_avg"].mul_(v["alpha"]).addcmul_(g * v["1-alpha"], g)
        p.add_((g * v["-lr"]).div_(square_avg.sqrt().add_(v["eps"])))


@dataclass(frozen=True)
class Adam:
    """`torch.optim.Adam`; weight decay as an L2 penalty on the gradient."""

    buffers = ("exp_avg", "exp_avg_sq")
    betas: Sequence[float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        valid = len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas)
        require(valid, "betas", list(self.betas), "two numbers, at least 0 and below 1")
        require(0 < self.eps < np.inf, "eps", self.eps, "above 0")
        require(0 <= self.weight_decay < np.inf, "weight_decay", self.weight_decay, "at least 0")

    @property
    def kind(self) -> Hashable:
        return type(self), bool(self.weight_decay)

    def values(self, lr: np.ndarray, step: np.ndarray) -> Values:
        beta1, beta2 = self.betas
        return {
            "-step_size": -lr / (1 - beta1**step),
            "sqrt_bias_correction2": np.sqrt(1 - beta2**step),
            "1-beta1": 1 - beta1,
            "beta2": beta2,
            "1-beta2": 1 - beta2,
            "eps": self.eps,
            "weight_decay": self.weight_decay,
            "1-lr*weight_decay": 1 - lr * self.weight_decay,
        }

    def decay(self, p: Tensor, g: Tensor, v: dict[str, Tensor]) -> Tensor:
        """Apply the weight decay to p or to the gradient g; return the gradient."""
        return g.addcmul(p, v["weight_decay"])

    def update(self, p: Tensor, g: Tensor, buffers: Buffers, v: dict[str, Tensor]) -> None:
        if self.weight_decay:
            g = self.decay(p, g, v)
        exp_avg = buffers["exp_avg"].lerp_(g, v["1-beta1"])
        exp_avg_sq = buffers["exp_avg_sq"].mul_(v["beta2"]).addcmul_(g * v["1-beta2"], g)
        denominator = exp_avg_sq.sqrt().div_(v["sqrt_bias_correction2"]).add_(v["eps"])
        p.add_((exp_avg * v["-step_size"]).div_(denominator))


@dataclass(frozen=True)
class AdamW(Adam):
    """`torch.optim.AdamW`: weight decay shrinks the weights directly (Loshchilov and Hutter, 2019)."""

    weight_decay: float = 0.01

    def decay(self, p: Tensor, g: Tensor, v: dict[str, Tensor]) -> Tensor:
        p.mul_(v["1-lr*weight_decay"])
        return g


def value_names(optimizer: Optimizer) -> list[str]:
    """The names of `Optimizer.values`, in order."""
    return list(optimizer.values(np.zeros(1), np.ones(1)))


def _registered(optimizer: Callable[..., Optimizer], name: str, lr: float = DEFAULT_LR) -> Callable[..., Optimizer]:
    require(0 < lr < np.inf, "lr", lr, "a number above 0")
    return optimizer


_own: dict[str, Callable[..., Optimizer]] = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW}
OPTIMIZERS = registry.table("optimizer", _own, _registered, adds={"lr": DEFAULT_LR})
