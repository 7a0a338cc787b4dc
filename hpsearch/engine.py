"""The one training loop: runs enter the lanes of a stack at an epoch boundary, train together, and leave.

A single run is a stack of one lane. On the CPU in float32 a run's numbers depend neither on the lanes beside it nor on
the number of threads.

Axes: K lanes, B batch.
"""

import math
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import groupby, pairwise
from time import perf_counter

import torch
from torch import Tensor
from torch.nn import functional as F

from hpsearch import randomness
from hpsearch.data import Part
from hpsearch.fused import Update, fused
from hpsearch.graphs import graphed
from hpsearch.layers import Tensors
from hpsearch.optim import Optimizer, value_names
from hpsearch.stack import Program, Run, lane_values
from hpsearch.stack_size import StackSize
from hpsearch.threads import threads

EVALUATION_BATCH = 256
SMALL = 10_000_000  # multiply-adds of a step, below which a second thread inside an operation gains nothing


@dataclass
class History:
    """One number an epoch; losses are means over samples, accuracies fractions."""

    train_loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)


@dataclass
class Result:
    """What became of a run. The test part is seen once, by finished runs only; `seconds` is its share of the time.

    parameters: how many numbers were trained; None where that is not known, as of a classifier.
    test_correct, test_total: counts for each batch of `EVALUATION_BATCH` test samples, in file order.
    """

    status: str  # finished, pruned or diverged
    reason: str | None
    history: History
    seconds: float
    lanes: int
    parameters: int | None = None
    test_loss: float | None = None
    test_correct: list[int] = field(default_factory=list)
    test_total: list[int] = field(default_factory=list)


@dataclass
class Lane:
    """A run in training. Its tensors, [1, ...] each, are views into the stack's."""

    index: int
    run: Run
    tensors: Tensors
    buffers: dict[str, Tensors]  # optimizer state: buffer name -> parameter name -> tensor
    order: Tensor  # of the samples in its next epoch, [n] on the host
    history: History = field(default_factory=History)
    seconds: float = 0.0
    lanes: int = 0  # the most lanes that it trained beside, itself included

    @property
    def epoch(self) -> int:
        return len(self.history.train_loss)


class Training:
    """The runs of one program that are in training, a lane each."""

    def __init__(self, program: Program) -> None:
        self._program = replace(program, data=program.data.to(program.device, program.dtype))
        self._lanes: list[Lane] = []
        self._stacks: list[_Stack] = []  # none: other lanes than in the last epoch
        self._sizes = StackSize(tries=program.device.type == "cpu")  # a graph would have to be recorded for each
        torch.backends.cuda.matmul.allow_tf32 = program.tf32
        torch.set_flush_denormal(True)  # exploding runs would slow the CPU down by their denormal numbers

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def indices(self) -> list[int]:
        """The numbers of the runs."""
        return [lane.index for lane in self._lanes]

    def enter(self, index: int, run: Run) -> None:
        """A run takes a lane; `index` is its number in all that follows."""
        self._lanes.append(_enter(index, run, self._program))
        self._stacks = []

    def epoch(self) -> dict[int, History]:
        """One epoch of every run; their histories until now."""
        lanes = len(self._lanes)
        count = -(-lanes // self._sizes.next(lanes))
        if len(self._stacks) != count:
            kinds = list(dict.fromkeys(lane.run.optimizer.kind for lane in self._lanes))
            self._lanes.sort(key=lambda lane: kinds.index(lane.run.optimizer.kind))
            bounds = [lanes * part // count for part in range(count + 1)]
            self._stacks = [_Stack(self._lanes[a:b], self._program) for a, b in pairwise(bounds)]
        started = perf_counter()
        with self._threads():
            for stack in self._stacks:
                stack.epoch()
        self._sizes.took(lanes, perf_counter() - started)
        for lane in self._lanes:
            lane.lanes = max(lane.lanes, lanes)
        return {lane.index: lane.history for lane in self._lanes}

    def _threads(self) -> AbstractContextManager[None]:
        """Inside, the operations of a net that is small use one thread."""
        small = self._program.batch_size * _parameters(self._lanes[0].tensors) < SMALL
        return threads(1 if small else torch.get_num_threads())

    def leave(self, pruned: Collection[int] = ()) -> list[tuple[int, Result]]:
        """The runs that are finished, have diverged or are `pruned`, with what became of them; their lanes are free."""
        leaving: list[tuple[Lane, str, str | None]] = []
        for lane in self._lanes:
            reason = _divergence(lane.history)
            if reason:
                leaving.append((lane, "diverged", reason))
            elif lane.epoch == lane.run.epochs:
                leaving.append((lane, "finished", None))
            elif lane.index in pruned:
                leaving.append((lane, "pruned", f"pruned after epoch {lane.epoch} of {lane.run.epochs}"))
        if not leaving:
            return []
        finished = [lane for lane, status, _ in leaving if status == "finished"]
        with self._threads():
            tested = dict(zip((lane.index for lane in finished), _test(finished, self._program), strict=True))
        self._lanes = [lane for lane in self._lanes if all(lane is not left for left, _, _ in leaving)]
        self._stacks = []
        results = []
        for lane, status, reason in leaving:
            result = Result(status, reason, lane.history, lane.seconds, lane.lanes, _parameters(lane.tensors))
            if status == "finished":
                result.test_loss, result.test_correct, result.test_total = tested[lane.index]
            results.append((lane.index, result))
        return results


def _enter(index: int, run: Run, program: Program) -> Lane:
    """A lane for a run that has not trained yet, its weights drawn from its own seed."""
    initial = program.model.tensors(run.init, randomness.generator(run.seed, "init"))
    tensors = {name: t.to(program.device, program.weight_dtype) for name, t in initial.items()}
    parameters = [name for name in tensors if _trained(name)]
    buffers = {b: {name: torch.zeros_like(tensors[name]) for name in parameters} for b in run.optimizer.buffers}
    return Lane(index, run, tensors, buffers, randomness.order(run.seed, 0, len(program.data.train)))


def _trained(name: str) -> bool:
    return "running_" not in name


def _parameters(tensors: Tensors) -> int:
    """How many numbers a run trains."""
    return sum(t.numel() for name, t in tensors.items() if _trained(name))


def _divergence(history: History) -> str | None:
    for name, losses in (("training", history.train_loss), ("validation", history.val_loss)):
        if not math.isfinite(losses[-1]):
            return f"{name} loss is {losses[-1]} in epoch {len(losses)}"
    return None


@dataclass
class _Group:
    """Neighbouring lanes whose optimizers do the same arithmetic."""

    lanes: list[Lane]
    optimizer: Optimizer
    update: Update  # the optimizer's, as the device takes it best
    parameters: list[Tensor]  # [k, ...] each: views into the stack
    buffers: list[dict[str, Tensor]]  # for each parameter
    where: slice

    @cached_property
    def names(self) -> list[str]:
        """Of the optimizer's values; each step asks."""
        return value_names(self.optimizer)

    def values(self, steps: int, device: torch.device, dtype: torch.dtype) -> Tensor:
        """The optimizer's numbers of the lanes' next epoch, [steps, values, k, 1, 1]."""
        runs = [lane.run for lane in self.lanes]
        return lane_values(runs, [lane.epoch * steps for lane in self.lanes], steps, device, dtype)


def _side_by_side(parts: list[Tensors]) -> Tensors:
    """Tensors of lanes, [1, ...] each, as those of a stack, [K, ...] each."""
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


class _Stack:
    """Lanes trained as one program, those of a kind of optimizer beside each other, until one of them leaves."""

    def __init__(self, lanes: list[Lane], program: Program) -> None:
        self.lanes = lanes
        self.program = program
        self.tensors = _side_by_side([lane.tensors for lane in self.lanes])
        self.names = [name for name in self.tensors if _trained(name)]
        for k, lane in enumerate(self.lanes):
            lane.tensors = {name: t[k : k + 1] for name, t in self.tensors.items()}
        self.leaves = {name: self.tensors[name].detach().requires_grad_() for name in self.names}
        self.in_training = self.tensors | self.leaves
        self.groups: list[_Group] = []
        start = 0
        for _, alike in groupby(self.lanes, key=lambda lane: lane.run.optimizer.kind):
            members = list(alike)
            where = slice(start, start + len(members))
            start = where.stop
            buffers = {b: _side_by_side([lane.buffers[b] for lane in members]) for b in members[0].buffers}
            for k, lane in enumerate(members):
                lane.buffers = {b: {n: t[k : k + 1] for n, t in named.items()} for b, named in buffers.items()}
            self.groups.append(
                _Group(
                    members,
                    members[0].run.optimizer,
                    fused(members[0].run.optimizer, program.device),
                    [self.tensors[name][where] for name in self.names],
                    [{b: named[name] for b, named in buffers.items()} for name in self.names],
                    where,
                )
            )
        self.drops = any(lane.run.dropout for lane in self.lanes)
        keep = [lane.run.dropout for lane in self.lanes]
        self.threshold = torch.tensor([randomness.keep_threshold(p) for p in keep], dtype=torch.int32)
        self.threshold = self.threshold.to(program.device)[:, None, None]
        self.scale = torch.tensor([1 / (1 - p) for p in keep], dtype=program.dtype, device=program.device)[
            :, None, None
        ]
        self.total = torch.zeros(len(self.lanes), dtype=torch.float64, device=program.device)
        self.step = graphed(self._step, program.device)
        validate = partial(evaluate, program, self.tensors, program.data.validation)
        self.validate = graphed(validate, program.device)

    def epoch(self) -> None:
        """One epoch of every lane, and its validation; one wait for the device, at the end."""
        started = perf_counter()
        train_loss = self._train()
        val_correct, val_loss = self.validate()
        samples, validation = len(self.program.data.train), len(self.program.data.validation)
        for lane in self.lanes:  # while the device works: a millisecond each
            lane.order = randomness.order(lane.run.seed, lane.epoch + 1, samples)
        epoch_losses = torch.stack([train_loss / samples, val_loss / validation]).tolist()
        accuracies = (val_correct.sum(1).double() / validation).tolist()
        seconds = (perf_counter() - started) / len(self.lanes)
        for lane, train, val, accuracy in zip(self.lanes, *epoch_losses, accuracies, strict=True):
            lane.history.train_loss.append(train)
            lane.history.val_loss.append(val)
            lane.history.val_accuracy.append(accuracy)
            lane.seconds += seconds

    def _train(self) -> Tensor:
        """The summed training losses, [K] float64."""
        program = self.program
        steps, device = program.steps, program.device
        order = torch.stack([lane.order for lane in self.lanes]).to(device)
        drawn = [
            randomness.dropout_keys(lane.run.seed, lane.epoch, steps, program.model.dropouts if self.drops else 0)
            for lane in self.lanes
        ]
        keys = torch.stack(drawn, 2).to(device)  # [steps, layers, K, 2]
        values = [group.values(steps, device, program.weight_dtype) for group in self.groups]
        self.total.zero_()
        for step in range(steps):
            batch = order[:, step * program.batch_size : (step + 1) * program.batch_size]
            self.step(batch, keys[step], *(value[step] for value in values))
        return self.total

    def _step(self, batch: Tensor, keys: Tensor, *values: Tensor) -> None:
        """One step of every lane. batch: [K, B] numbers of samples; keys: [layers, K, 2], of the dropout masks;
        values: of each group, [values, k, 1, 1]."""
        program, data = self.program, self.program.data.train
        lanes, samples = batch.shape
        picked = batch.flatten()
        x = data.x.index_select(0, picked).view(lanes, samples, -1)
        dropout = self._dropout(keys) if self.drops else None
        logits = program.model.forward(self.in_training, x, dropout, training=True)
        losses = _losses(logits, data.y.index_select(0, picked).view(lanes, samples))
        # a mean over lanes would make a run's steps depend on how many it trains beside
        gradients = torch.autograd.grad(losses.mean(1).sum(), list(self.leaves.values()))
        for group, numbers in zip(self.groups, values, strict=True):
            value = dict(zip(group.names, numbers, strict=True))
            for p, g, buffers in zip(group.parameters, gradients, group.buffers, strict=True):
                group.update(p, g[group.where], buffers, value)
        self.total += losses.detach().sum(1, dtype=torch.float64)

    def _dropout(self, keys: Tensor) -> Callable[[Tensor, int], Tensor]:
        """keys: [layers, K, 2] of this step."""

        def dropout(h: Tensor, layer: int) -> Tensor:
            mask = randomness.keep_mask(keys[layer], self.threshold, h.shape[1], h.shape[2])
            return h * (mask * self.scale)

        return dropout


def _losses(logits: Tensor, y: Tensor) -> Tensor:
    """Cross entropy of each sample. logits: [K, B, classes], y: [K, B] -> [K, B].

    The classes as the middle axis: along a short last axis PyTorch's softmax takes the CPU 3 to 4 times as long.
    """
    logits = logits.float() if logits.dtype == torch.bfloat16 else logits
    return F.cross_entropy(logits.mT, y, reduction="none")


@torch.no_grad()
def evaluate(program: Program, tensors: Tensors, part: Part) -> tuple[Tensor, Tensor]:
    """Correct predictions of each lane in each batch, [K, batches] int64, and summed losses, [K] float64."""
    lanes = len(next(iter(tensors.values())))
    correct, loss = [], torch.zeros(lanes, dtype=torch.float64, device=program.device)
    for x, y in zip(part.x.split(EVALUATION_BATCH), part.y.split(EVALUATION_BATCH), strict=True):
        logits = program.model.forward(tensors, x.expand(lanes, -1, -1), None, training=False)
        correct.append((logits.argmax(2) == y).sum(1))
        loss += _losses(logits, y.expand(lanes, -1)).sum(1, dtype=torch.float64)
    return torch.stack(correct, 1), loss


def _test(lanes: list[Lane], program: Program) -> list[tuple[float, list[int], list[int]]]:
    """The test pass of finished lanes: (mean loss, correct per batch, total per batch) of each."""
    if not lanes:
        return []
    part = program.data.test
    correct, loss = evaluate(program, _side_by_side([lane.tensors for lane in lanes]), part)
    totals = [len(batch) for batch in part.y.split(EVALUATION_BATCH)]
    return [(mean, counts, totals) for mean, counts in zip((loss / len(part)).tolist(), correct.tolist(), strict=True)]
