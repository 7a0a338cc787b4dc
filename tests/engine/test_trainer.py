"""The promises of the one loop: independent of neighbours, equal to PyTorch, repeatable."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from torch import nn

from hpsearch.components.metric import METRICS
from hpsearch.engine import randomness
from hpsearch.engine import threads as engine_threads
from hpsearch.engine.spec import LaneSpec
from hpsearch.engine.trainer import StackTrainer
from hpsearch.workers import scheduler
from tests.programs import VARIANTS, Listed, assert_same, dataset, examples, program, run, train, vary_stack_sizes

DATA = dataset()

runs = st.builds(
    run,
    seed=st.integers(0, 10**6),
    optimizer=st.sampled_from(VARIANTS),
    schedule=st.sampled_from(["constant", "cosine", "one_cycle"]),
    init=st.sampled_from(["default", "normal", "xavier_uniform", "kaiming_normal", "orthogonal"]),
    epochs=st.integers(1, 3),
    lr=st.sampled_from([1e-3, 1e-2, 0.1, 1e30]),  # the last one diverges
    dropout=st.sampled_from([0.0, 0.2, 0.5]),
)


@examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    these=st.lists(runs, min_size=2, max_size=7),
    lane_count=st.integers(1, 5),
    widths=st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple),
    batch_size=st.integers(2, 60).filter(lambda size: 100 % size != 1),
    normalization=st.sampled_from(["none", "batch", "layer"]),
    activation=st.sampled_from(["relu", "leaky_relu", "tanh", "sigmoid", "identity", "gelu"]),
    pruned=st.integers(0, 6),
    n_threads=st.sampled_from([1, 2]),
    stack_sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4),
)
def test_a_lane_equals_the_run_alone_whatever_trains_leaves_and_enters_beside_it(
    these: list[LaneSpec],
    lane_count: int,
    widths: tuple[int, ...],
    batch_size: int,
    normalization: str,
    activation: str,
    pruned: int,
    n_threads: int,
    stack_sizes: list[int],
    threads: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads(n_threads)
    vary_stack_sizes(monkeypatch, stack_sizes)
    on = program(DATA, widths, batch_size, normalization, activation)
    together = train(these, on, lane_count, prune=lambda index, history: index == pruned)
    for index, (a_run, lane) in enumerate(zip(these, together, strict=True)):
        alone = train([a_run], on, lane_count=1, prune=lambda _, history, index=index: index == pruned)  # type: ignore[misc]
        assert_same(lane, alone[0])


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize(
    ("features", "widths", "batch_size"),
    [(64, (64, 64), 64), (784, (400, 400), 512), (784, (256, 128), 100), (37, (51, 13), 7), (20, (200,), 3)],
)
def test_a_lane_equals_the_run_alone_in_nets_of_real_size(
    features: int, widths: tuple[int, ...], batch_size: int, n_threads: int, threads: Callable[[int], None]
) -> None:
    threads(n_threads)
    data = dataset(train=2 * batch_size + batch_size // 2, features=features, classes=10, held_out=300)
    on = program(data, widths, batch_size)
    these = [run(seed, optimizer=VARIANTS[seed % 9], lr=1e-3, dropout=0.2 * (seed % 2)) for seed in range(9)]
    together = train(these, on, lane_count=9)
    for index in (0, 4, 8):
        assert_same(together[index], train([these[index]], on, lane_count=1)[0])


@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    a_run=runs,
    features=st.integers(1, 300),
    widths=st.lists(st.integers(1, 300), min_size=1, max_size=3).map(tuple),
    batch_size=st.integers(2, 300),
    normalization=st.sampled_from(["none", "batch", "layer"]),
    activation=st.sampled_from(["relu", "leaky_relu", "tanh", "sigmoid", "identity", "gelu"]),
)
def test_a_run_does_not_depend_on_the_number_of_threads(
    a_run: LaneSpec,
    features: int,
    widths: tuple[int, ...],
    batch_size: int,
    normalization: str,
    activation: str,
    threads: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_threads, "SMALL", 0)
    data = dataset(train=2 * batch_size + max(2, batch_size // 2), features=features, held_out=300)
    results = []
    for n_threads in (1, 2):
        threads(n_threads)
        results += train([replace(a_run, epochs=1)], program(data, widths, batch_size, normalization, activation), 1)
    assert_same(*results)


@pytest.mark.parametrize("optimizer", VARIANTS, ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_200_steps_equal_the_same_run_in_plain_pytorch(
    optimizer: tuple[str, dict[str, float]], dtype: torch.dtype, tolerance: float
) -> None:
    on = program(DATA, (16, 9), 25, dtype=dtype)  # 4 steps an epoch
    a_run = run(3, optimizer=optimizer, epochs=50, lr=1e-3)
    (result,) = train([a_run], on, lane_count=1)

    model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 9), nn.ReLU(), nn.Linear(9, 4)).to(dtype)
    initial = on.model.tensors(a_run.init, randomness.generator(3, "init"))
    for layer, number in ((0, 0), (2, 1), (4, 2)):
        model[layer].weight.data.copy_(initial[f"linear{number}.weight"][0])
        model[layer].bias.data.copy_(initial[f"linear{number}.bias"][0, 0])
    classes = {
        "sgd": torch.optim.SGD,
        "rmsprop": torch.optim.RMSprop,
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
    }
    name, arguments = optimizer
    reference = classes[name](model.parameters(), lr=1e-3, **arguments)
    for epoch in range(50):
        for batch in randomness.order(3, epoch, 100).split(25):
            reference.zero_grad()
            nn.functional.cross_entropy(model(on.data.train.x[batch]), on.data.train.y[batch]).backward()
            reference.step()

    for number, layer in ((0, 0), (1, 2), (2, 4)):
        ours, theirs = result.tensors[f"linear{number}.weight"][0], model[layer].weight
        error = ((ours - theirs).norm() / theirs.norm()).item()
        assert error <= tolerance, f"linear{number}.weight differs by {error:.2e}"


def test_the_same_command_gives_the_same_numbers() -> None:
    these = [run(seed, dropout=0.3, optimizer=VARIANTS[seed]) for seed in range(5)]
    first, second = (train(these, program(DATA), lane_count=3) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert_same(a, b)


def test_training_learns() -> None:
    (result,) = train([run(0, epochs=20)], program(DATA), lane_count=1)
    assert result.history.val_metric[-1] > 0.8
    assert result.history.train_loss[-1] < result.history.train_loss[0] / 2


def test_a_run_that_explodes_is_diverged_and_its_neighbour_is_not() -> None:
    exploding, calm = train([run(0, lr=1e30, epochs=3), run(1, epochs=3)], program(DATA), lane_count=2)
    assert exploding.status == "diverged"
    assert exploding.reason is not None
    assert exploding.reason.startswith("training loss is ")
    assert exploding.reason.endswith("in epoch 1")
    assert exploding.test_correct == []
    assert calm.status == "finished"
    assert len(calm.history.val_loss) == 3


def test_a_pruned_run_is_not_tested_and_its_lane_goes_to_the_next(threads: Callable[[int], None]) -> None:
    threads(1)
    feed = Listed([run(seed, epochs=3) for seed in range(3)], program(DATA), lambda i, _: i == 0)
    results = dict(scheduler.train(feed, 2))
    assert results[0].status == "pruned"
    assert results[0].reason == "pruned after epoch 1 of 3"
    assert "test_loss" not in results[0].metrics
    assert feed.rounds == [{0: 1, 1: 1}, {1: 2, 2: 1}, {1: 3, 2: 2}, {2: 3}]


def test_metrics_are_counts_and_the_last_batch_is_small() -> None:
    data = dataset(held_out=600)
    (result,) = train([run(0)], program(data), lane_count=1)
    assert result.test_total == [256, 256, 88]
    assert all(correct <= total for correct, total in zip(result.test_correct, result.test_total, strict=True))
    assert result.history.val_metric[-1] * 600 == pytest.approx(round(result.history.val_metric[-1] * 600), abs=1e-9)


def test_the_training_loss_is_the_mean_over_samples_not_over_batches() -> None:
    on = program(DATA, batch_size=64)  # batches of 64 and 36
    (result,) = train([run(0, lr=1e-30, epochs=1)], on, lane_count=1)  # weights stay as they are
    initial = on.model.tensors(run(0).init, randomness.generator(0, "init"))
    logits = on.model.forward(initial, on.data.train.x[None], None, training=False)[0]
    expected = nn.functional.cross_entropy(logits, on.data.train.y).item()
    assert result.history.train_loss[0] == pytest.approx(expected, rel=1e-6)


def test_a_stack_of_bfloat16_learns_and_keeps_float32_weights() -> None:
    on = program(DATA, dtype=torch.bfloat16, normalization="batch")
    results = train([run(0, epochs=20, dropout=0.1), run(1, epochs=20)], on, lane_count=2)
    for result in results:
        assert result.history.val_metric[-1] > 0.8
        assert result.tensors["linear0.weight"].dtype == torch.float32


def test_a_share_of_the_stacks_time_is_each_runs_seconds() -> None:
    results = train([run(seed) for seed in range(4)], program(DATA), lane_count=4)
    assert all(r.lanes == 4 and 0 < r.seconds < math.inf for r in results)


def _judged_if_trained(y: np.ndarray, labels: np.ndarray) -> float:
    if (y == labels).mean() < 0.5:
        raise ZeroDivisionError("hardly trained")
    return 1.0


@pytest.mark.parametrize("cores", [1, 2])
def test_a_test_that_raises_is_the_failure_of_its_run_alone(cores: int, threads: Callable[[int], None]) -> None:
    threads(cores)
    metric = replace(METRICS["accuracy"], name="own", function=_judged_if_trained)
    these = [run(seed=1, lr=1e-9, epochs=9), *(run(seed=seed, epochs=9) for seed in range(2, 5))]
    failed, *sound = train(these, replace(program(DATA), more=(metric,)), 4, start=StackTrainer)
    assert isinstance(failed, ZeroDivisionError)
    assert [(result.status, result.metrics["test_own"]) for result in sound] == [("finished", 1.0)] * 3
