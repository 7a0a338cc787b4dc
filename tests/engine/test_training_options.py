"""Warm-up, clipping, label smoothing, class weights, averages, early stopping, augmentation, splits, regression."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from hpsearch.components.augmentation import DRAWS, Augmentation
from hpsearch.components.data.dataset import Dataset, Split
from hpsearch.components.metric import METRICS
from hpsearch.components.target import Quantity
from hpsearch.engine import randomness
from hpsearch.engine.loss import class_weights
from hpsearch.engine.spec import LaneSpec, StackSpec
from tests.programs import VARIANTS, assert_same, dataset, examples, program, run, train

DATA = dataset()
SHIFTED = replace(DATA, train=DATA.test, test=replace(DATA.train, x=DATA.train.x[:40], y=DATA.train.y[:40]))


def numbers(train: int = 100, held_out: int = 40, seed: int = 0, noise: float = 0.1) -> Dataset:
    """A regression: a linear function of 5 features."""
    draws = torch.Generator().manual_seed(seed)

    def part(n: int) -> Split:
        x = torch.randn(n, 5, generator=draws)
        return Split(x, x @ torch.tensor([0.5, -0.3, 0.2, 0.1, 0.7]) + noise * torch.randn(n, generator=draws))

    return Dataset(part(train), part(held_out), part(held_out), Quantity(10.0, 4.0, "strength"), (5,))


def regression(data: Dataset, **options: Any) -> StackSpec:
    return replace(program(data), metric=METRICS["rmse"], more=(METRICS["mae"], METRICS["r2"]), **options)


def folds(count: int) -> list[Dataset]:
    return [numbers(seed=seed) for seed in range(count)]


options = st.fixed_dictionaries(
    {},
    optional={
        "warmup": st.sampled_from([0.5, 1.0]),
        "clip": st.sampled_from([0.05, 1.0]),
        "label_smoothing": st.sampled_from([0.1, 0.5]),
        "balanced": st.just(True),
        "ema": st.sampled_from([0.5, 0.99]),
        "patience": st.sampled_from([1, 2]),
        "dropout": st.sampled_from([0.3]),
        "decay_biases": st.just(False),
    },
)


@examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    given=st.lists(options, min_size=2, max_size=6),
    lane_count=st.integers(2, 5),
    n_threads=st.sampled_from([1, 2]),
    own=st.lists(st.sampled_from([0, 1, 2]), min_size=6, max_size=6),
    augmentation=st.sampled_from([Augmentation(), Augmentation(1, flip=True)]),
    widths=st.sampled_from([(16, 9), (5,), (64, 64)]),
)
def test_a_lane_equals_the_run_alone_with_any_options_and_splits(
    given: list[dict[str, Any]],
    lane_count: int,
    n_threads: int,
    own: list[int],
    augmentation: Augmentation,
    widths: tuple[int, ...],
    threads: Callable[[int], None],
) -> None:
    threads(n_threads)
    splits = [None, replace(DATA), replace(DATA, train=replace(DATA.train, x=DATA.train.x.flip(1)))]
    these = [
        run(seed, epochs=4, optimizer=VARIANTS[seed % 9], lr=0.05, data=splits[own[seed]], **one)
        for seed, one in enumerate(given)
    ]
    on = replace(program(replace(DATA, shape=(3, 4)), widths), augmentation=augmentation, mc_dropout=2)
    together = train(these, on, lane_count)
    for one, lane in zip(these, together, strict=True):
        assert_same(lane, train([one], on, 1)[0])


@examples(20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lanes=st.integers(2, 7), n_threads=st.sampled_from([1, 2]), widths=st.sampled_from([(), (50,), (7, 3)]))
def test_a_regression_lane_equals_the_run_alone(
    lanes: int, n_threads: int, widths: tuple[int, ...], threads: Callable[[int], None]
) -> None:
    threads(n_threads)
    datasets = folds(lanes)
    on = replace(regression(datasets[0]), model=replace(program(datasets[0]).model, widths=widths or (1,)))
    these = [run(seed, epochs=2, data=data, lr=0.01) for seed, data in enumerate(datasets)]
    for one, lane in zip(these, train(these, on, lanes), strict=True):
        assert_same(lane, train([one], on, 1)[0])


def plain(
    a_run: LaneSpec,
    on: StackSpec,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    after: Callable[[nn.Module, int], object] = lambda model, step: None,
    optimizer: Callable[[nn.Module], torch.optim.Optimizer] | None = None,
) -> nn.Sequential:
    """The run in plain PyTorch: `after` is called behind backward (clip) and before the optimizer's step.

    optimizer: SGD if None.
    """
    features, outputs = on.model.inputs, on.model.outputs
    model = nn.Sequential(nn.Linear(features, 16), nn.ReLU(), nn.Linear(16, 9), nn.ReLU(), nn.Linear(9, outputs))
    model = model.double()
    initial = on.model.tensors(a_run.init, randomness.generator(a_run.seed, "init"))
    for layer, number in ((0, 0), (2, 1), (4, 2)):
        model[layer].weight.data.copy_(initial[f"linear{number}.weight"][0])
        model[layer].bias.data.copy_(initial[f"linear{number}.bias"][0, 0])
    updating = optimizer(model) if optimizer else torch.optim.SGD(model.parameters(), lr=a_run.lr)
    step = 0
    for epoch in range(a_run.epochs):
        for batch in randomness.order(a_run.seed, epoch, len(on.data.train)).split(on.batch_size):
            updating.zero_grad()
            loss(model(on.data.train.x[batch].double()), on.data.train.y[batch]).backward()
            after(model, step)
            updating.step()
            step += 1
    return model


def assert_close(result: Any, model: nn.Sequential) -> None:
    for number, layer in ((0, 0), (1, 2), (2, 4)):
        torch.testing.assert_close(result.tensors[f"linear{number}.weight"][0], model[layer].weight.detach())
        torch.testing.assert_close(result.tensors[f"linear{number}.bias"][0, 0], model[layer].bias.detach())


EXACT = program(DATA, batch_size=25, dtype=torch.float64)


def test_clipping_is_pytorchs() -> None:
    a_run = run(3, epochs=5, clip=0.3)
    (result,) = train([a_run], EXACT, 1)
    model = plain(
        a_run,
        EXACT,
        nn.functional.cross_entropy,
        lambda model, step: nn.utils.clip_grad_norm_(model.parameters(), 0.3),
    )
    assert_close(result, model)
    assert not torch.equal(
        result.tensors["linear0.weight"], train([run(3, epochs=5)], EXACT, 1)[0].tensors["linear0.weight"]
    )


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_a_decay_without_biases_is_that_of_two_parameter_groups(optimizer: str) -> None:
    a_run = run(3, epochs=5, optimizer=(optimizer, {"weight_decay": 0.5}), lr=0.01, decay_biases=False)
    (result,) = train([a_run], EXACT, 1)
    references = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}

    def groups(model: nn.Module) -> torch.optim.Optimizer:
        biases = [p for name, p in model.named_parameters() if name.endswith("bias")]
        weights = [p for name, p in model.named_parameters() if name.endswith("weight")]
        parts = [{"params": weights, "weight_decay": 0.5}, {"params": biases, "weight_decay": 0.0}]
        return references[optimizer](parts, lr=0.01)

    assert_close(result, plain(a_run, EXACT, nn.functional.cross_entropy, optimizer=groups))
    (decayed,) = train([replace(a_run, decay_biases=True)], EXACT, 1)
    assert not torch.equal(result.tensors["linear0.bias"], decayed.tensors["linear0.bias"])


def test_label_smoothing_is_pytorchs() -> None:
    a_run = run(3, epochs=5, label_smoothing=0.2)
    (result,) = train([a_run], EXACT, 1)
    assert_close(result, plain(a_run, EXACT, nn.CrossEntropyLoss(label_smoothing=0.2)))


def test_balanced_weights_are_scikit_learns_and_multiply_the_loss() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    y = DATA.train.y.numpy()
    weights = class_weights(DATA, balanced=True)
    np.testing.assert_allclose(weights, compute_class_weight("balanced", classes=np.unique(y), y=y), rtol=1e-6)
    a_run = run(3, epochs=5, balanced=True)
    (result,) = train([a_run], EXACT, 1)
    weighted = nn.CrossEntropyLoss(weight=weights.double(), reduction="none")
    assert_close(result, plain(a_run, EXACT, lambda outputs, target: weighted(outputs, target).mean()))


def test_a_warm_up_rises_in_a_straight_line() -> None:
    a_run = run(3, epochs=3, warmup=2.0)  # 4 steps an epoch

    def slower(model: nn.Module, step: int) -> None:
        for p in model.parameters():
            assert p.grad is not None
            p.grad *= min(1, (step + 1) / 8)

    (result,) = train([a_run], EXACT, 1)
    assert_close(result, plain(a_run, EXACT, nn.functional.cross_entropy, slower))


def test_averaged_weights_are_pytorchs_and_are_judged() -> None:
    a_run = run(3, epochs=5, ema=0.8)
    (result,) = train([a_run], replace(EXACT, weights=True), 1)
    averaged: list[Any] = []

    def average(model: nn.Module, step: int) -> None:  # before the step: the weights of the step before
        if not averaged:
            averaged.append(AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.8)))
        elif step:
            averaged[0].update_parameters(model)

    model = plain(a_run, EXACT, nn.functional.cross_entropy, average)
    averaged[0].update_parameters(model)
    for number, layer in ((0, 0), (1, 2), (2, 4)):
        expected = averaged[0].module[layer].weight.detach().numpy()
        np.testing.assert_allclose(result.weights[f"linear{number}.weight"], expected, rtol=1e-6, atol=1e-7)
    logits = averaged[0].module(DATA.validation.x.double())
    right = (logits.argmax(1) == DATA.validation.y).double().mean().item()
    assert result.metrics["val_accuracy"] == pytest.approx(right)


def test_a_run_without_patience_left_stops_and_its_best_epoch_counts() -> None:
    (full,) = train([run(1, epochs=30, lr=0.5)], program(DATA), 1)
    values = full.history.val_metric
    best = values.index(max(values)) + 1
    (stopped,) = train([run(1, epochs=30, lr=0.5, patience=30)], program(DATA), 1)
    assert (stopped.status, stopped.epoch, stopped.metrics["val_accuracy"]) == ("finished", best, max(values))
    (until,) = train([run(1, epochs=best, lr=0.5)], program(DATA), 1)
    assert stopped.metrics["test_loss"] == until.metrics["test_loss"]
    (early,) = train([run(1, epochs=30, lr=0.5, patience=2)], program(DATA), 1)
    ended = len(early.history.val_metric)
    assert early.epoch == ended - 2 < 30
    assert early.reason == f"stopped early after epoch {ended}: epoch {ended - 2} was the best"
    assert max(values[:ended]) == early.metrics["val_accuracy"]


def test_lower_is_better_for_an_error() -> None:
    data = numbers(noise=2.0)
    (stopped,) = train([run(1, epochs=30, lr=0.05, patience=30)], regression(data), 1)
    assert stopped.epoch == int(np.argmin(stopped.history.val_metric)) + 1
    assert stopped.metrics["val_rmse"] == min(stopped.history.val_metric)


def test_a_regression_is_that_of_plain_pytorch_and_in_the_targets_unit() -> None:
    data = numbers()
    on = replace(regression(data), dtype=torch.float64, data=data.to(torch.device("cpu"), torch.float64), batch_size=25)
    a_run = run(3, epochs=20)
    (result,) = train([a_run], on, 1)
    model = plain(a_run, on, lambda outputs, target: nn.functional.mse_loss(outputs[:, 0], target.double()))
    assert_close(result, model)
    predicted = model(data.test.x.double())[:, 0].detach().numpy() * 4 + 10
    true = data.test.y.double().numpy() * 4 + 10
    assert result.metrics["test_rmse"] == pytest.approx(np.sqrt(np.mean((predicted - true) ** 2)), rel=1e-6)
    assert result.metrics["test_mae"] == pytest.approx(np.abs(predicted - true).mean(), rel=1e-6)
    assert result.metrics["test_r2"] == pytest.approx(1 - np.mean((predicted - true) ** 2) / true.var(), rel=1e-6)
    assert (result.test_samples, result.test_correct) == (40, [])


def test_without_validation_samples_a_run_is_trained_and_tested() -> None:
    data = numbers()
    empty = replace(data, validation=Split(data.validation.x[:0], data.validation.y[:0]))
    (with_it,) = train([run(0)], regression(data), 1)
    (without,) = train([run(0)], regression(empty), 1)
    assert math.isnan(without.metrics["val_rmse"])
    assert without.status == "finished"
    assert without.metrics["test_rmse"] == with_it.metrics["test_rmse"]


def test_the_mean_of_passes_with_dropout_left_on_nears_the_one_of_many() -> None:
    on = regression(numbers())
    a_run = run(0, epochs=10, dropout=0.2)
    rmse = {
        passes: train([a_run], replace(on, mc_dropout=passes), 1)[0].metrics["test_rmse"] for passes in (1, 500, 2000)
    }
    assert abs(rmse[500] - rmse[2000]) < 0.1 * abs(rmse[1] - rmse[2000])


def test_passes_of_a_classification_average_probabilities() -> None:
    on = replace(program(DATA), mc_dropout=3, more=(METRICS["log_loss"],))
    (result,) = train([run(0, epochs=10, dropout=0.5)], on, 1)
    assert result.metrics["test_log_loss"] == pytest.approx(result.metrics["test_loss"], rel=1e-5)
    (once,) = train([run(0, epochs=10, dropout=0.5)], replace(on, mc_dropout=0), 1)
    assert once.metrics["test_loss"] != result.metrics["test_loss"]


@examples(50)
@given(shift=st.integers(0, 3), flip=st.booleans(), channels=st.integers(1, 3), seed=st.integers(0, 99))
def test_an_augmented_image_is_the_image_moved(shift: int, flip: bool, channels: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    images = random.normal(size=(2, 3, channels, 5, 6)).astype(np.float32)
    draws = random.integers(0, 2**31, size=(2, 3, DRAWS), dtype=np.int64)
    moved = Augmentation(shift, flip)(torch.tensor(images).flatten(2), torch.tensor(draws), (channels, 5, 6))
    for k, b in np.ndindex(2, 3):
        down, right = (int(draw) % (2 * shift + 1) - shift for draw in draws[k, b, :2])
        image = images[k, b][:, :, ::-1] if flip and draws[k, b, 2] % 2 else images[k, b]
        rows = np.clip(np.arange(5) + down, 0, 4)
        columns = np.clip(np.arange(6) + right, 0, 5)
        np.testing.assert_array_equal(moved[k, b].view(channels, 5, 6), image[:, rows][:, :, columns])


def test_augmentation_changes_training_alone_and_draws_anew_in_each_epoch() -> None:
    on = program(replace(DATA, shape=(3, 4)))
    (as_it_is,) = train([run(0, lr=1e-30)], on, 1)
    (moved,) = train([run(0, lr=1e-30)], replace(on, augmentation=Augmentation(1, flip=True)), 1)
    assert moved.history.val_loss == as_it_is.history.val_loss
    first, second = moved.history.train_loss
    assert abs(first - second) > 1e-4
    assert as_it_is.history.train_loss == pytest.approx([as_it_is.history.train_loss[0]] * 2)
