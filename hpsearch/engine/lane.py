"""A lane: the place of one run in a stack, with its weights, optimizer state and history."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hpsearch.components.architecture.model import is_trained
from hpsearch.components.data.dataset import Dataset
from hpsearch.components.layers import Tensors
from hpsearch.engine import randomness
from hpsearch.engine.result import History
from hpsearch.engine.spec import LaneSpec, StackSpec
from hpsearch.engine.threads import threads


@dataclass
class Lane:
    """A run in training. While it trains in a stack, its tensors, [1, ...] each, are views into the stack's."""

    index: int
    spec: LaneSpec
    tensors: Tensors
    state: dict[str, Tensors]  # of the optimizer: buffer name -> parameter name -> tensor
    order: Tensor  # of the samples in the next epoch, [n] on the host
    data: Dataset  # on the device
    average: Tensors = field(default_factory=dict)  # of the parameters, if the run averages its weights
    best: tuple[int, Tensors] | None = None  # epoch and judged tensors of the best epoch, if the run may stop early
    history: History = field(default_factory=History)
    seconds: float = 0.0
    lanes: int = 0  # the most runs that trained beside it, itself included

    @property
    def epoch(self) -> int:
        """The number of epochs behind it."""
        return len(self.history.train_loss)

    @property
    def judged(self) -> Tensors:
        """The tensors that are judged: those of the best epoch, or of the last one, averaged if the run averages."""
        return self.best[1] if self.best else self.tensors | self.average

    @property
    def judged_epoch(self) -> int:
        """The epoch of `judged`, from 1."""
        return self.best[0] if self.best else self.epoch

    def note_best(self, sign: int) -> None:
        """Keep the judged tensors if this epoch is the best so far and the run may stop early. sign: of the metric."""
        if self.spec.patience is None:
            return
        values = self.history.val_metric
        if self.best is None or sign * values[-1] > sign * values[self.best[0] - 1]:
            self.best = self.epoch, {name: t.clone() for name, t in (self.tensors | self.average).items()}

    @property
    def out_of_patience(self) -> bool:
        """True if the last `patience` epochs were none the best."""
        return self.best is not None and self.epoch - self.best[0] >= (self.spec.patience or 0)

    @property
    def parameters(self) -> int:
        """The number of trained values."""
        return sum(t.numel() for name, t in self.tensors.items() if is_trained(name))

    @property
    def divergence(self) -> str | None:
        """The reason, if a loss of the last epoch is not finite."""
        validated = self.history.val_loss if len(self.data.validation) else []
        for name, losses in (("training", self.history.train_loss), ("validation", validated)):
            if losses and not math.isfinite(losses[-1]):
                return f"{name} loss is {losses[-1]} in epoch {len(losses)}"
        return None


def new_lane(index: int, spec: LaneSpec, stack: StackSpec) -> Lane:
    """A lane for a run that goes on from its checkpoint, or begins with weights from its own seed. Its data go to the
    device."""
    with threads(1):  # LAPACK's blocking, in an orthogonal init, depends on their number
        initial = stack.model.tensors(spec.init, randomness.generator(spec.seed, "init"))
    tensors = {
        name: t.to(stack.device, stack.weight_dtype if t.is_floating_point() else t.dtype)
        for name, t in initial.items()
    }
    state = {
        buffer: {name: torch.zeros_like(t) for name, t in tensors.items() if is_trained(name)}
        for buffer in spec.optimizer.buffers
    }
    data = stack.data if spec.data is None else spec.data.to(stack.device, stack.dtype)
    average = {name: t for name, t in tensors.items() if is_trained(name)} if spec.ema else {}
    lane = Lane(index, spec, tensors, state, torch.empty(0), data, average)
    if spec.checkpoint:
        spec.checkpoint.read(lane)
    lane.order = randomness.order(spec.seed, lane.epoch, len(data.train))
    return lane


def stacked(parts: list[Tensors]) -> Tensors:
    """Tensors of K lanes, [1, ...] each, as those of a stack, [K, ...] each."""
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
