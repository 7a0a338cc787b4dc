"""Contracts that a part of your own has to keep, as assertions for your tests.

Each function returns if the part keeps its contract, and raises AssertionError with the reason if not:

    from hpsearch import testing

    def test_my_optimizer():
        testing.check_optimizer(SignSGD(), beside=[Adam()])

Long, because a contract is one function with all that it asks.
"""

import math
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hpsearch.components.architecture.mlp import MLP
from hpsearch.components.architecture.model import Model, is_trained
from hpsearch.components.architecture.module import ModuleModel
from hpsearch.components.architecture.module_trial import settled
from hpsearch.components.architecture.options import Architecture
from hpsearch.components.data.dataset import Dataset, Split
from hpsearch.components.data.load import whole
from hpsearch.components.init import default_weight
from hpsearch.components.metric import METRICS, metric_of
from hpsearch.components.normalization import NORMALIZATIONS, NoNorm
from hpsearch.components.optimizer import SGD, Adam, Optimizer, value_names
from hpsearch.components.schedule import SCHEDULES
from hpsearch.components.target import Classes, Quantity, Target
from hpsearch.engine.lane import stacked
from hpsearch.engine.randomness import generator
from hpsearch.engine.result import History, Result
from hpsearch.engine.spec import LaneSpec, StackSpec
from hpsearch.engine.trainer import StackTrainer, Trainer
from hpsearch.workers.run import Outcome, RunSource
from hpsearch.workers.worker import Round, Worker

FEATURES, CLASSES, LANES = 12, 4, 3
NET = MLP(FEATURES, CLASSES, (8,), NoNorm())


def check_optimizer(optimizer: Optimizer, beside: Sequence[Optimizer] = ()) -> None:
    """Check an optimizer, also in a stack with the optimizers `beside`."""
    values = optimizer.values(np.array([0.1, 0.01]), np.array([1, 1000]))
    for name, value in values.items():
        numbers = np.shape(value) in ((), (2,)) and bool(np.isfinite(value).all())
        _keep(numbers, f"values: {name}={value}: must be a finite number, or one for each step")
    _keep(list(values) == value_names(optimizer), "values: the names must be the same at every step")
    different = len(set(optimizer.buffers)) == len(optimizer.buffers)
    _keep(different, f"buffers={optimizer.buffers}: must be different names")
    copy: Optimizer = pickle.loads(pickle.dumps(optimizer))  # as a worker gets it
    _keep({copy.kind} == {optimizer.kind}, f"kind={optimizer.kind}: a copy must have an equal one")
    _check_lanes(_stack(NET), [optimizer, *beside, optimizer])


def check_architecture(architecture: Architecture) -> None:
    """Check a function of (shape of a sample, outputs, normalization) that makes a model."""
    for name, normalization in NORMALIZATIONS.items():
        model = architecture((FEATURES,), CLASSES, normalization())
        runs = [model.tensors(default_weight, generator(seed, "init")) for seed in (*range(LANES), 0)]
        again, tensors = runs.pop(), stacked(runs)
        own = all(t.shape[0] == 1 and t.dtype == torch.float32 for t in again.values())
        _keep(own, "tensors: each must be [1, …] in float32")
        _keep(_equal(runs[0], again), "tensors: equal generators must give equal tensors")
        count = sum(t.numel() for key, t in again.items() if is_trained(key))
        _keep(name != "none" or count == model.parameters, f"parameters={model.parameters}: tensors has {count}")
        for training in (False, True):
            layers: list[int] = []

            def note(h: Tensor, layer: int, layers: list[int] = layers) -> Tensor:
                layers.append(layer)
                return h

            h = torch.randn(LANES, 8, FEATURES, generator=generator(0))
            given = {key: t.clone() for key, t in tensors.items()}
            logits = model.forward(given, h, note, training)
            right = logits.shape == (LANES, 8, CLASSES) and bool(logits.isfinite().all())
            _keep(right, f"forward: must give finite [K, B, outputs], not {tuple(logits.shape)}")
            _keep(layers == list(range(model.dropouts)), f"forward: drops out in layers {layers} of {model.dropouts}")
            _keep(training or _equal(given, tensors), "forward: must change no tensor unless it trains")
        _check_lanes(_stack(model), [SGD(), Adam(), SGD()])


def check_module(cls: type[nn.Module], inputs: tuple[int, ...], outputs: int, **options: Any) -> None:
    """Check a class of modules, in every way that its lanes can go. outputs: 1 for a regression."""
    stack = _stack(NET, inputs, outputs)
    rows, cpu = stack.data.train.x[:2], torch.device("cpu")
    try:
        ruled = settled(ModuleModel(cls, inputs, outputs, options), rows, cpu)
    except ValueError as error:
        raise AssertionError(str(error)) from error
    ways = [ruled, settled(ruled, rows, cpu, together=False)] if ruled.together else [ruled]
    for model in ways:
        runs = [model.tensors(default_weight, generator(seed, "init")) for seed in (0, 0, 1)]
        _keep(_equal(runs[0], runs[1]), f"{cls.__name__}: equal seeds must give equal tensors")
        copy: ModuleModel = pickle.loads(pickle.dumps(model))  # as a worker gets it
        x, tensors = stack.data.test.x.expand(2, -1, -1), stacked(runs[1:])
        outputs_of = [each.forward(tensors, x, None, training=False) for each in (model, copy)]
        _keep(torch.equal(*outputs_of), f"{cls.__name__}: a copy must compute the same")
        module = model.new_module()
        module.load_state_dict(model.state_dict({name: t[0] for name, t in runs[0].items()}))
        by_itself = module.eval()(x[0].view(-1, *inputs))
        close = torch.allclose(outputs_of[0][0], by_itself, rtol=1e-3, atol=1e-5)
        _keep(close, f"{cls.__name__}: a lane must compute what the module computes by itself")
        _check_lanes(replace(stack, model=model), [SGD(), Adam(), SGD()])


def check_dataset(load: Callable[[], Any], equal_rows: int = 0) -> None:
    """Check a function that loads a data set, as `DATASETS` has it.

    equal_rows: the most rows of one split that another has, too.
    """
    data, again = whole(load()), whole(load())
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    for name, split in splits.items():
        x, y = split.x, split.y
        shapes = x.ndim == 2 and y.ndim == 1 and 0 < len(x) == len(y) and x.shape[1] == data.features
        _keep(shapes, f"{name}: x must be [n, features] and y [n], not {tuple(x.shape)} and {tuple(y.shape)}")
        _keep(x.is_floating_point() and bool(x.isfinite().all()), f"{name}: x must be finite floating point")
        if isinstance(data.target, Classes):
            last = data.target.outputs - 1
            inside = y.dtype == torch.int64 and 0 <= int(y.min()) <= int(y.max()) <= last
            _keep(inside, f"{name}: y must be int64 between 0 and {last}")
        else:
            _keep(y.is_floating_point() and bool(y.isfinite().all()), f"{name}: y must be finite floating point")
        other: Split = getattr(again, name)
        _keep(torch.equal(x, other.x) and torch.equal(y, other.y), f"{name}: must be the same when loaded again")
    if isinstance(data.target, Classes):
        _keep(len(data.train.y.unique()) == data.target.outputs, "train: must have a sample of each class")
    rows = {name: {row.tobytes() for row in split.x.numpy()} for name, split in splits.items()}
    for one, other_name in combinations(splits, 2):
        shared = len(rows[one] & rows[other_name])
        _keep(shared <= equal_rows, f"{one} and {other_name}: {shared} rows are in both")


def check_metric(name: str) -> None:
    """Check a metric by its name in ``metric=``."""
    metric, rng = METRICS[name], np.random.default_rng(0)
    y = rng.permutation(np.arange(60) % CLASSES)
    right, wrong = np.eye(CLASSES)[y] * 0.9 + 0.025, np.eye(CLASSES)[(y + 1) % CLASSES] * 0.9 + 0.025
    if metric.kind == "regression":
        y = rng.normal(size=60)
        right, wrong = y + 0.1 * rng.normal(size=60), y[::-1].copy()
    elif metric.reads == "labels":
        right, wrong = right.argmax(1), wrong.argmax(1)
    best, worst = (metric.function(y.copy(), prediction.copy()) for prediction in (right, wrong))
    _keep(isinstance(best, (int, float)) and math.isfinite(best), f"{name}={best!r}: must be a finite number")
    better = best > worst if metric.maximize else best < worst
    _keep(better, f"{name}: right predictions get {best:.4g} and wrong ones {worst:.4g}, with {metric.maximize=}")
    order = rng.permutation(60)
    again = metric.function(y[order], right[order])
    _keep(math.isclose(best, again, rel_tol=1e-9), f"{name}: must not depend on the order of the rows")


def check_worker(worker: Worker) -> None:
    """Check a worker that has no runs yet; end it yourself."""
    stack, (long, short) = _stack(NET), _specs([SGD(), Adam()])
    short = replace(short, epochs=1)
    new = partial(StackTrainer, stack)
    worker.ask_round([("a", new, [(0, long), (1, short)]), ("b", _broken, [(2, short)])], [])
    answer = worker.round()
    raised = {stack: type(error) for stack, error in answer.raised}
    _keep(raised == {"b": ArithmeticError}, f"round: a stack that raises must give its error, not {answer.raised}")
    expected = dict(enumerate(_trained(stack, [long, short], epochs=1)))
    _keep(answer.histories == expected, "round: a stack must train an epoch, whatever another one raises")
    _keep([index for index, _ in answer.left] == [1], "round: a run must leave after its last epoch")
    worker.ask_round([("b", new, [(3, long)])], [0])
    answer = worker.round()
    _keep(3 in answer.histories, "round: a stack that has raised must begin anew")
    _keep(0 not in answer.histories, "round: a run that rests must not train")
    worker.ask_round([], [])
    answer = worker.round()
    two = _trained(stack, [long], epochs=2)[0]
    _keep(answer.histories.get(0) == two, "round: a run that has rested must train on")
    left = {index: getattr(result, "status", result) for index, result in worker.prune([0, 3])}
    _keep(left == {0: "pruned", 3: "pruned"}, f"prune: pruned runs must leave, not {left}")
    worker.ask_round([], [])
    _keep(worker.round() == Round(), "round: a stack without runs must be gone")


def check_source(source: RunSource, lanes: int = 4, ended: Callable[[int, Outcome], object] | None = None) -> list[int]:
    """Check a source of runs to its end, without training them; returns their numbers. ended: told of each end."""
    training: dict[int, tuple[int, History]] = {}  # by number: epochs, history
    numbers: list[int] = []
    _keep(source.expected >= 0 and isinstance(source.adaptive, bool), "expected, adaptive: must be a number and a bool")
    while (asked := source.next_runs(lanes - len(training))) or training:
        results: list[tuple[int, Result]] = []
        for number, run in asked:
            _keep(number not in numbers, f"next_runs: {number} must not be given to two runs")
            numbers.append(number)
            if isinstance(run, Result):
                results.append((number, run))
            else:
                training[number] = run.lane.epochs, History()
        trained = {number: history for number, (_, history) in training.items() if number not in source.resting}
        _keep(bool(trained) or not training, "resting: must leave a run to train")
        for number, history in trained.items():
            for curve in (history.train_loss, history.val_loss, history.val_metric):
                curve.append((1 + len(curve) + number % 7) / 1000)
        now = {number for number, (epochs, history) in training.items() if len(history.train_loss) < epochs}
        pruned = set(source.prune(trained, now))
        _keep(pruned <= training.keys(), "prune: must give runs that took part")
        for number, (epochs, history) in list(training.items()):
            done = len(history.train_loss) == epochs
            if done or number in pruned:
                del training[number]
                metrics = {"val_loss": history.val_loss[-1], "val_accuracy": history.val_metric[-1]}
                status = "finished" if done else "pruned"
                results.append((number, Result(status, None, history, 1.0, lanes, epoch=epochs, metrics=metrics)))
        for number, result in results:
            if ended is not None:
                ended(number, result)
    return numbers


def _keep(kept: bool, contract: str) -> None:
    if not kept:
        raise AssertionError(contract)


def _equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(t, other[name]) for name, t in one.items())


def _stack(model: Model, shape: tuple[int, ...] = (FEATURES,), outputs: int = CLASSES) -> StackSpec:
    draws = generator(0, "data")
    x, y = torch.randn(90, math.prod(shape), generator=draws), torch.randint(max(outputs, 2), (90,), generator=draws)
    target: Target = Classes(tuple(map(str, range(outputs)))) if outputs > 1 else Quantity()
    y = y if outputs > 1 else y.float()
    train, validation, test = map(Split, x.split([50, 20, 20]), y.split([50, 20, 20]))
    data = Dataset(train, validation, test, target, shape)
    metric = metric_of("auto", target.kind)
    return StackSpec(data, model, batch_size=16, device=torch.device("cpu"), metric=metric)


def _specs(optimizers: Sequence[Optimizer]) -> list[LaneSpec]:
    schedule = SCHEDULES["constant"]()
    return [
        LaneSpec(seed, 3, 0.01 / (1 + seed), optimizer, schedule, default_weight, dropout=0.2 * (seed % 2))
        for seed, optimizer in enumerate(optimizers)
    ]


def _trained(stack: StackSpec, specs: Sequence[LaneSpec], epochs: int = 3) -> list[History]:
    trainer = StackTrainer(stack)
    for index, spec in enumerate(specs):
        trainer.enter(index, spec)
    for _ in range(epochs):
        histories = trainer.epoch()
    return [histories[index] for index in range(len(specs))]


def _check_lanes(stack: StackSpec, optimizers: Sequence[Optimizer]) -> None:
    specs = _specs(optimizers)
    for spec, history in zip(specs, _trained(stack, specs), strict=True):
        name = type(spec.optimizer).__name__
        _keep(all(map(math.isfinite, history.train_loss)), f"the training loss of a lane of {name} must stay finite")
        _keep(_trained(stack, [spec]) == [history], f"a lane of {name} must train as the run alone, bit for bit")


def _broken() -> Trainer:
    raise ArithmeticError("broken")
