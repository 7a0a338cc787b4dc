"""A stack: lanes trained as one program. The epoch and the step stand here, top to bottom.

On the CPU in float32 the numbers of a lane depend neither on the lanes beside it nor on the number of threads.

Axes: K lanes, B batch, S steps of an epoch.

Long, because a reader should see all of it in one place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from time import perf_counter
from weakref import WeakMethod

import torch
from torch import Tensor

from hpsearch.components.architecture.model import is_trained
from hpsearch.components.layers import Tensors
from hpsearch.components.optimizer import value_names
from hpsearch.engine import randomness
from hpsearch.engine.cuda_fused import Update, fused
from hpsearch.engine.cuda_graphs import graphed
from hpsearch.engine.evaluate import cross_entropy, evaluate
from hpsearch.engine.lane import Lane, stacked
from hpsearch.engine.spec import StackSpec, lane_values


@dataclass
class Group:
    """Neighbouring lanes of a stack whose optimizers do the same arithmetic."""

    lanes: list[Lane]
    where: slice  # of the stack's lanes
    update: Update
    names: list[str]  # of the values that `update` reads
    parameters: list[Tensor]  # [k, ...] each: views into the stack
    state: list[dict[str, Tensor]]  # of the optimizer, for each parameter


class Stack:
    """Lanes trained as one program until one of them leaves. Lanes with optimizers of one kind stand side by side."""

    def __init__(self, lanes: list[Lane], spec: StackSpec) -> None:
        self.lanes, self.spec = lanes, spec
        self.tensors = stacked([lane.tensors for lane in lanes])
        for k, lane in enumerate(lanes):
            lane.tensors = {name: t[k : k + 1] for name, t in self.tensors.items()}
        self.leaves = {name: t.detach().requires_grad_() for name, t in self.tensors.items() if is_trained(name)}
        self.in_training = self.tensors | self.leaves
        self.groups = _groups(lanes, self.tensors, spec.device)
        self.dropout = _Dropout(lanes, spec) if any(lane.spec.dropout for lane in lanes) else None
        self.total = torch.zeros(len(lanes), dtype=torch.float64, device=spec.device)  # summed losses of the epoch
        step = WeakMethod(self._step)  # a reference to itself would keep its tensors until garbage is collected
        self.step = graphed(lambda *tensors: step()(*tensors), spec.device)  # type: ignore[misc]
        self.validate = graphed(partial(evaluate, spec, self.tensors, spec.data.validation), spec.device)

    def epoch(self) -> None:
        """Train every lane for an epoch and validate it. The host waits for the device once, at the end."""
        started = perf_counter()
        order, keys, values = self._draw()
        self.total.zero_()
        for step in range(self.spec.steps):
            batch = order[:, step * self.spec.batch_size : (step + 1) * self.spec.batch_size]
            self.step(batch, keys[step], *(value[step] for value in values))
        correct, val_loss = self.validate()
        samples, validation = len(self.spec.data.train), len(self.spec.data.validation)
        for lane in self.lanes:  # while the device works: a millisecond each
            lane.order = randomness.order(lane.spec.seed, lane.epoch + 1, samples)
        losses = torch.stack([self.total / samples, val_loss / validation]).tolist()
        accuracies = (correct.sum(1).double() / validation).tolist()
        seconds = (perf_counter() - started) / len(self.lanes)
        for lane, train, val, accuracy in zip(self.lanes, *losses, accuracies, strict=True):
            lane.history.train_loss.append(train)
            lane.history.val_loss.append(val)
            lane.history.val_accuracy.append(accuracy)
            lane.seconds += seconds

    def _step(self, batch: Tensor, keys: Tensor, *values: Tensor) -> None:
        """One step of every lane.

        batch: [K, B] sample numbers. keys: [layers, K, 2], of the dropout masks. values: [values, k, 1, 1] a group.
        """
        data, picked = self.spec.data.train, batch.flatten()
        x = data.x.index_select(0, picked).view(*batch.shape, -1)
        y = data.y.index_select(0, picked).view(batch.shape)
        dropout = None if self.dropout is None else self.dropout.of_step(keys)
        logits = self.spec.model.forward(self.in_training, x, dropout, training=True)
        losses = cross_entropy(logits, y)
        # mean over the batch, sum over lanes: a mean over lanes would scale a run's steps by its neighbours' number
        gradients = torch.autograd.grad(losses.mean(1).sum(), list(self.leaves.values()))
        for group, numbers in zip(self.groups, values, strict=True):
            named = dict(zip(group.names, numbers, strict=True))
            for p, g, state in zip(group.parameters, gradients, group.state, strict=True):
                group.update(p, g[group.where], state, named)
        self.total += losses.detach().sum(1, dtype=torch.float64)

    def _draw(self) -> tuple[Tensor, Tensor, list[Tensor]]:
        """The numbers of the next epoch: sample order [K, n], dropout keys [S, layers, K, 2], and the optimizer values
        of each group, [S, values, k, 1, 1]."""
        spec, layers = self.spec, self.spec.model.dropouts if self.dropout else 0
        order = torch.stack([lane.order for lane in self.lanes])
        keys = [randomness.dropout_keys(lane.spec.seed, lane.epoch, spec.steps, layers) for lane in self.lanes]
        values = [
            lane_values(
                [lane.spec for lane in group.lanes],
                [lane.epoch * spec.steps for lane in group.lanes],
                spec.steps,
                spec.device,
                spec.weight_dtype,
            )
            for group in self.groups
        ]
        return order.to(spec.device), torch.stack(keys, 2).to(spec.device), values


def _groups(lanes: list[Lane], tensors: Tensors, device: torch.device) -> list[Group]:
    """The groups of a stack. The optimizer state of their lanes becomes one tensor for each parameter."""
    groups: list[Group] = []
    start = 0
    for _, alike in groupby(lanes, key=lambda lane: lane.spec.optimizer.kind):
        members = list(alike)
        optimizer, where = members[0].spec.optimizer, slice(start, start + len(members))
        state = {buffer: stacked([lane.state[buffer] for lane in members]) for buffer in optimizer.buffers}
        for k, lane in enumerate(members):
            lane.state = {b: {name: t[k : k + 1] for name, t in named.items()} for b, named in state.items()}
        trained = [name for name in tensors if is_trained(name)]
        groups.append(
            Group(
                members,
                where,
                fused(optimizer, device),
                value_names(optimizer),
                [tensors[name][where] for name in trained],
                [{buffer: named[name] for buffer, named in state.items()} for name in trained],
            )
        )
        start = where.stop
    return groups


class _Dropout:
    """Inverted dropout, each lane with its own probability (Srivastava et al. 2014)."""

    def __init__(self, lanes: list[Lane], spec: StackSpec) -> None:
        p = [lane.spec.dropout for lane in lanes]
        threshold = torch.tensor([randomness.keep_threshold(one) for one in p], dtype=torch.int32)
        self._threshold = threshold.to(spec.device)[:, None, None]
        self._scale = torch.tensor([1 / (1 - one) for one in p], dtype=spec.dtype, device=spec.device)[:, None, None]

    def of_step(self, keys: Tensor) -> Callable[[Tensor, int], Tensor]:
        """The function of (features [K, B, H], dropout layer) for one step. keys: [layers, K, 2]."""

        def dropout(h: Tensor, layer: int) -> Tensor:
            mask = randomness.keep_mask(keys[layer], self._threshold, h.shape[1], h.shape[2])
            return h * (mask * self._scale)

        return dropout
