"""A stack: lanes trained as one program. The epoch and the step stand here, top to bottom.

On the CPU in float32 the numbers of a lane depend neither on the lanes beside it nor on the number of threads.

Axes: K lanes, B batch, S steps of an epoch.

Long, because a reader should see all of it in one place.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from math import nan
from time import perf_counter
from typing import Any, cast
from weakref import WeakMethod

import torch
from torch import Tensor

from hpsearch.components.architecture.model import is_trained
from hpsearch.components.augmentation import DRAWS
from hpsearch.components.layers import Tensors
from hpsearch.components.optimizer import value_names
from hpsearch.engine import randomness
from hpsearch.engine.average import Average
from hpsearch.engine.clip import Clip
from hpsearch.engine.cuda_fused import Update, fused
from hpsearch.engine.cuda_graphs import graphed
from hpsearch.engine.dropout import Dropout, StepDropout
from hpsearch.engine.evaluate import by_forward, evaluate, judge
from hpsearch.engine.lane import Lane, stacked
from hpsearch.engine.loss import TrainingLoss
from hpsearch.engine.samples import samples_of
from hpsearch.engine.spec import LaneSpec, StackSpec, lane_values


@dataclass
class Group:
    """Parameters of neighbouring lanes whose optimizers do the same arithmetic: all, or those with one weight decay."""

    lanes: list[Lane]
    specs: list[LaneSpec]  # of the lanes, with the optimizer of these parameters
    where: slice  # of the stack's lanes
    update: Update
    names: list[str]  # of the values that `update` reads
    numbers: list[int]  # of the parameters, in the order of the stack's
    parameters: list[Tensor]  # [k, a, b] each: views into the stack
    state: list[dict[str, Tensor]]  # of the optimizer, for each parameter


@dataclass
class Part:
    """Lanes of a stack that go through the model at once: all of them, or one."""

    where: slice  # of the stack's lanes
    leaves: Tensors  # the parameters, [k, ...] each, with gradients
    tensors: Tensors  # all of them
    loss: TrainingLoss


class Stack:
    """Lanes trained as one program until one of them leaves. Lanes with optimizers of one kind stand side by side."""

    def __init__(self, lanes: list[Lane], spec: StackSpec) -> None:
        self.lanes, self.spec = lanes, spec
        self.tensors = stacked([lane.tensors for lane in lanes])
        for k, lane in enumerate(lanes):
            lane.tensors = {name: t[k : k + 1] for name, t in self.tensors.items()}
        self.groups = _groups(lanes, self.tensors, spec.device)
        p, datasets = [lane.spec.dropout for lane in lanes], [lane.data for lane in lanes]
        self.dropout = Dropout(p, spec.dtype, spec.device) if spec.model.drops or any(p) else None
        self.parts = _parts(lanes, self.tensors, spec)
        self.clip = Clip([lane.spec.clip for lane in lanes], spec.device)
        self.average = Average(lanes, {name: t for name, t in self.tensors.items() if is_trained(name)})
        self.train, self.validation = samples_of("train", datasets), samples_of("validation", datasets)
        self.total = torch.zeros(len(lanes), dtype=torch.float64, device=spec.device)  # summed losses of the epoch
        step = WeakMethod(self._step)  # a reference to itself would keep its tensors until garbage is collected
        self.step = graphed(lambda *tensors: step()(*tensors), spec.device)  # type: ignore[misc]
        judged = self.tensors | self.average.tensors
        self.validate = graphed(partial(evaluate, by_forward(spec.model, judged), self.validation), spec.device)

    def epoch(self) -> None:
        """Train every lane for an epoch and validate it. The host waits for the device once, at the end."""
        started = perf_counter()
        order, draws, values = self._draw()
        self.total.zero_()
        for step in range(self.spec.steps):
            batch = order[:, step * self.spec.batch_size : (step + 1) * self.spec.batch_size]
            self.step(batch, *(draw[step] for draw in draws), *(value[step] for value in values))
        validated = self.validate() if len(self.validation) else None
        for lane in self.lanes:  # while the device works: a millisecond each
            lane.order = randomness.order(lane.spec.seed, lane.epoch + 1, len(self.train))
        losses, metrics = self._validated(validated)
        train_losses = (self.total / len(self.train)).tolist()
        seconds = (perf_counter() - started) / len(self.lanes)
        for lane, train, val, metric in zip(self.lanes, train_losses, losses, metrics, strict=True):
            lane.history.add(train, val, metric)
            lane.note_best(self.spec.metric.sign)
            lane.seconds += seconds

    def _validated(self, found: tuple[Tensor, Tensor] | None) -> tuple[list[float], list[float]]:
        """Loss and metric of each lane on the validation split; nan if that is empty."""
        if found is None:
            return [nan] * len(self.lanes), [nan] * len(self.lanes)
        outputs, losses = found
        metric, datasets = self.spec.metric, [lane.data for lane in self.lanes]
        judged = judge([metric], outputs, self.validation.y, datasets)
        return (losses / len(self.validation)).tolist(), [each[metric.name] for each in judged]

    def _step(self, batch: Tensor, keys: Tensor, images: Tensor, mix: Tensor, *values: Tensor) -> None:
        """One step of every lane.

        batch: [K, B] sample numbers. keys: [layers, K, 2], of the dropout masks. images: [K, 2], keys of the
        augmentation. mix: [K], the share of the new weights in their average. values: [values, k, 1, 1] a group.
        """
        x, y = self.train.pick(batch)
        if self.spec.augmentation:
            numbers = randomness.numbers(images, batch.shape[1] * DRAWS).bitwise_and(2**31 - 1)
            x = self.spec.augmentation(x, numbers.view(*batch.shape, DRAWS), self.spec.data.shape)
        dropout = None if self.dropout is None else self.dropout.of_step(keys)
        losses, gradients = self._gradients(x, y, dropout)
        gradients = self.clip(gradients)
        for group, numbers in zip(self.groups, values, strict=True):
            named = dict(zip(group.names, numbers, strict=True))
            for number, p, state in zip(group.numbers, group.parameters, group.state, strict=True):
                group.update(p, gradients[number][group.where].reshape(p.shape), state, named)
        self.average.take(mix)
        self.total += losses.sum(1, dtype=torch.float64)

    def _gradients(self, x: Tensor, y: Tensor, dropout: StepDropout | None) -> tuple[Tensor, Sequence[Tensor]]:
        """The loss of each sample, [K, B], and the gradients of the parameters, [K, ...] each."""
        found = []
        for part in self.parts:
            drawn = None if dropout is None else dropout.of(part.where)
            outputs = self.spec.model.forward(part.tensors, x[part.where], drawn, training=True)
            losses = part.loss(outputs, y[part.where])
            # mean over the batch, sum over lanes: a mean over lanes would scale a run's steps by its neighbours' number
            total, leaves = losses.mean(1).sum(), list(part.leaves.values())
            gradients = torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
            found.append((losses.detach(), gradients))
        if len(found) == 1:
            return found[0]
        losses_of, gradients_of = zip(*found, strict=True)
        return torch.cat(losses_of), [torch.cat(parts) for parts in zip(*gradients_of, strict=True)]

    def _draw(self) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """The numbers of the next epoch: sample order [K, n]; dropout keys [S, layers, K, 2], augmentation keys
        [S, K, 2] and shares of the average [S, K]; and the optimizer values of each group, [S, values, k, 1, 1]."""
        spec, layers = self.spec, self.spec.model.dropouts if self.dropout else 0
        order = torch.stack([lane.order for lane in self.lanes])
        at = [(lane.spec.seed, lane.epoch) for lane in self.lanes]
        keys = [randomness.keys(seed, "dropout", epoch, spec.steps, layers) for seed, epoch in at]
        images = torch.zeros(spec.steps, len(at), 2, dtype=torch.int32)
        if spec.augmentation:
            drawn = [randomness.keys(seed, "augmentation", epoch, spec.steps, 1)[:, 0] for seed, epoch in at]
            images = torch.stack(drawn, 1)
        values = [
            lane_values(
                group.specs,
                [lane.epoch * spec.steps for lane in group.lanes],
                spec.steps,
                spec.device,
                spec.weight_dtype,
            )
            for group in self.groups
        ]
        draws = [torch.stack(keys, 2), images, self.average.shares(spec.steps)]
        return order.to(spec.device), [draw.to(spec.device) for draw in draws], values


def _parts(lanes: list[Lane], tensors: Tensors, spec: StackSpec) -> list[Part]:
    """One part of all lanes if they go through the model together, else a part for each."""
    size, parts = len(lanes) if spec.model.together else 1, []
    for first in range(0, len(lanes), size):
        where = slice(first, first + size)
        own = {name: t[where] for name, t in tensors.items()}
        leaves = {name: t.detach().requires_grad_() for name, t in own.items() if is_trained(name)}
        specs, datasets = [lane.spec for lane in lanes[where]], [lane.data for lane in lanes[where]]
        parts.append(Part(where, leaves, own | leaves, TrainingLoss(specs, datasets, spec.device)))
    return parts


def _flat(t: Tensor) -> Tensor:
    """A view [k, a, b] of a tensor [k, ...], because the values of `Optimizer.update` are [k, 1, 1]."""
    return t if t.ndim == 3 else t.view(len(t), 1, -1)


def _decayed_alike(specs: list[LaneSpec], names: list[str]) -> list[tuple[list[LaneSpec], list[str]]]:
    """The parameters of lanes that are updated together, with the specs that say how: biases may be left undecayed."""
    if specs[0].decay_biases:
        return [(specs, names)]
    undecayed = [replace(spec, optimizer=replace(cast(Any, spec.optimizer), weight_decay=0.0)) for spec in specs]
    biases = [name for name in names if name.rpartition(".")[2].startswith("bias")]
    return [(specs, [name for name in names if name not in biases]), (undecayed, biases)]


def _groups(lanes: list[Lane], tensors: Tensors, device: torch.device) -> list[Group]:
    """The groups of a stack. The optimizer state of their lanes becomes one tensor for each parameter."""
    groups: list[Group] = []
    start = 0
    for _, alike in groupby(lanes, key=lambda lane: lane.spec.kind):
        members = list(alike)
        where = slice(start, start + len(members))
        state = {
            buffer: stacked([lane.state[buffer] for lane in members]) for buffer in members[0].spec.optimizer.buffers
        }
        for k, lane in enumerate(members):
            lane.state = {b: {name: t[k : k + 1] for name, t in named.items()} for b, named in state.items()}
        trained = [name for name in tensors if is_trained(name)]
        for specs, names in _decayed_alike([lane.spec for lane in members], trained):
            groups.append(
                Group(
                    members,
                    specs,
                    where,
                    fused(specs[0].optimizer, device),
                    value_names(specs[0].optimizer),
                    [trained.index(name) for name in names],
                    [_flat(tensors[name][where]) for name in names],
                    [{buffer: _flat(named[name]) for buffer, named in state.items()} for name in names],
                )
            )
        start = where.stop
    return groups
