"""A recorded step and validation do what unrecorded ones do: on stand-ins for CUDA graphs, see tests/recording.py."""

from collections.abc import Callable

import pytest
import torch

from hpsearch.engine import cuda_graphs
from hpsearch.engine.result import History
from hpsearch.engine.spec import LaneSpec
from hpsearch.workers import pool
from tests.programs import assert_same, dataset, program, run, train
from tests.recording import CUDA, recorded_on_the_cpu

OPTIMIZERS = ["sgd", "rmsprop", "adam", "adamw"]
DATA = dataset(train=70, held_out=300)  # of 32 a batch, the last is smaller


def some_runs() -> list[LaneSpec]:
    """Some leave early."""
    return [
        run(seed, epochs=5 + seed % 2, optimizer=OPTIMIZERS[seed % 4], lr=1e-2, schedule="cosine", dropout=seed % 2 / 4)
        for seed in range(8)
    ]


def prune(index: int, history: History) -> bool:
    return index == 5 and len(history.train_loss) == 3


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_recorded_run_gives_the_bits_of_one_that_is_not(
    normalization: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "processes", lambda runs: 0)  # this one trains
    on = program(DATA, normalization=normalization, dtype=dtype)
    plain = train(some_runs(), on, lane_count=6, prune=prune)
    made = recorded_on_the_cpu(monkeypatch)
    recorded = train(some_runs(), on, lane_count=6, prune=prune)
    assert sum(graph.replays > 2 for graph in made) >= 4  # steps and validations, in more than one arrangement of lanes
    for one, other in zip(plain, recorded, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize(
    ("optimizer", "dropout", "operations"), [("sgd", 0.0, 33), ("adam", 0.0, 87), ("sgd", 0.2, 33 + 2 * 15)]
)
def test_a_step_has_as_many_operations_as_the_docs_say(
    optimizer: str, dropout: float, operations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recorded_on_the_cpu(monkeypatch)
    train([run(optimizer=optimizer, dropout=dropout, lr=1e-3)], program(DATA), lane_count=1)
    assert made[0].operations == operations


def twice(x: torch.Tensor) -> torch.Tensor:
    return x * 2


def test_the_first_call_runs_the_second_records_and_shapes_have_graphs_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = recorded_on_the_cpu(monkeypatch)
    function: Callable[[torch.Tensor], torch.Tensor] = cuda_graphs.graphed(twice, CUDA)
    for values in ([1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0], [8.0], [9.0, 10.0]):
        assert function(torch.tensor(values)).tolist() == [2 * value for value in values]
    assert [graph.replays for graph in made] == [3, 1]


def test_a_recording_that_waits_for_a_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded_on_the_cpu(monkeypatch)
    function: Callable[[torch.Tensor], torch.Tensor] = cuda_graphs.graphed(lambda x: x * x.sum().item(), CUDA)
    function(torch.ones(2))
    with pytest.raises(RuntimeError, match="a number is waited for"):
        function(torch.ones(2))
