"""A module of the user's with a part of several groups."""

from collections.abc import Callable
from pathlib import Path

Write = Callable[[str, str], Path]  # the fixture `module`
HERE = "plugins=[my_parts]"
PARTS = """
from dataclasses import dataclass
import hpsearch


@hpsearch.register("optimizer", lr=0.005)
@dataclass(frozen=True)
class SignSGD:
    weight_decay: float = 0.0
    kind = "signsgd"
    buffers = ()

    def values(self, lr, step):
        return {"-lr": -lr, "1-lr*weight_decay": 1 - lr * self.weight_decay}

    def update(self, p, g, buffers, v):
        p.mul_(v["1-lr*weight_decay"]).addcmul_(g.sign(), v["-lr"])


@hpsearch.register("schedule")
def linear(step, steps, final: float = 0.1):
    return 1 + (final - 1) * step / steps


@hpsearch.register("init")
def small(weight, generator, bound: float = 0.05):
    weight.uniform_(-bound, bound, generator=generator)


@hpsearch.register("activation")
def swish(h):
    return h * ((h / 2).tanh() + 1) / 2


@hpsearch.register("metric", maximize=True, unit="%")
def worst_class(y, labels):
    return min(float((labels[y == number] == number).mean()) for number in set(y))


@hpsearch.register("data")
def wine(classes: int = 3):
    from sklearn.datasets import load_wine

    x, y = load_wine(return_X_y=True)
    return x[y < classes], y[y < classes]


@hpsearch.register("preprocessing")
def bounded(high: float = 1.0):
    from sklearn.preprocessing import MinMaxScaler

    return MinMaxScaler((0, high))
"""
