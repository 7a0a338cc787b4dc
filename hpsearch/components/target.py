"""The quantity that a net predicts: one of several classes, or a number."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Classes:
    """A class out of `names`; y holds class numbers, int64. The net has a logit for each."""

    kind: ClassVar[str] = "classification"
    names: tuple[str, ...]

    @property
    def outputs(self) -> int:
        """The number of outputs of a net."""
        return len(self.names)


@dataclass(frozen=True)
class Quantity:
    """A number; y holds (value - mean) / std, floating point, with mean and std of the training rows."""

    kind: ClassVar[str] = "regression"
    mean: float = 0.0
    std: float = 1.0
    name: str = "target"
    outputs: ClassVar[int] = 1


Target = Classes | Quantity
