"""Initialisers: `torch.nn.init` for the weights of one run; biases keep PyTorch's default.

That is what ``torch.nn.init.xavier_uniform_(layer.weight)`` on a fresh `nn.Linear` gives. To add a scheme,
write a function of (weight [out, in] to fill, **options, generator), name it in `INITS` and add
``conf/init/<name>.yaml``.
"""

import math
from collections.abc import Callable

from torch import Generator, Tensor, nn


def default_weight(weight: Tensor, generator: Generator) -> None:
    """`nn.Linear`'s own: uniform within ±1/sqrt(fan_in). weight: [out, in], filled in place."""
    nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)


def default_bias(bias: Tensor, fan_in: int, generator: Generator) -> None:
    """`nn.Linear`'s own: uniform within ±1/sqrt(fan_in). bias: any shape, filled in place."""
    bound = 1 / math.sqrt(fan_in)
    nn.init.uniform_(bias, -bound, bound, generator=generator)


Init = Callable[..., object]
INITS: dict[str, Init] = {
    "default": default_weight,
    "normal": nn.init.normal_,
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "kaiming_uniform": nn.init.kaiming_uniform_,
    "kaiming_normal": nn.init.kaiming_normal_,
    "orthogonal": nn.init.orthogonal_,
}
