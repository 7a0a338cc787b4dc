"""Initialisers: `torch.nn.init` for the weights of one run; biases keep PyTorch's default.

So a layer begins like a fresh `nn.Linear` after ``torch.nn.init.xavier_uniform_(layer.weight)``. To add a scheme, write
a function that fills a weight [out, in] from (weight, **options, generator), name it in `INITS` and add
``conf/init/<name>.yaml``.
"""

import math
from collections.abc import Callable

from torch import Generator, Tensor, nn

from hpsearch.components import registry


def default_weight(weight: Tensor, generator: Generator) -> None:
    """Fill weight [out, in] like `nn.Linear`: uniform within ±1/sqrt(fan_in)."""
    nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)


def default_bias(bias: Tensor, fan_in: int, generator: Generator) -> None:
    """Fill a bias of any shape like `nn.Linear`: uniform within ±1/sqrt(fan_in)."""
    bound = 1 / math.sqrt(fan_in)
    nn.init.uniform_(bias, -bound, bound, generator=generator)


Init = Callable[..., object]
_own: dict[str, Init] = {
    "default": default_weight,
    "normal": nn.init.normal_,
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "kaiming_uniform": nn.init.kaiming_uniform_,
    "kaiming_normal": nn.init.kaiming_normal_,
    "orthogonal": nn.init.orthogonal_,
}
INITS = registry.table("init", _own, leading=1, given=("generator",), function=True)
