"""Modules of users in stacks: a lane equals the run alone, and the run in plain PyTorch."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from torch import nn

from hpsearch.components.architecture.module import ModuleModel
from hpsearch.components.architecture.module_trial import settled
from hpsearch.engine import randomness, trainer
from hpsearch.engine import threads as engine_threads
from hpsearch.engine.spec import LaneSpec, StackSpec
from hpsearch.workers.process import ProcessWorker
from tests.modules import ONE_BY_ONE, TOGETHER, Convolutions, Linears, Tied
from tests.programs import VARIANTS, assert_same, dataset, examples, run, train, vary_stack_sizes

DATA = dataset()


def stack_of(
    cls: type[nn.Module],
    batch_size: int = 32,
    together: bool | None = None,
    dtype: torch.dtype = torch.float32,
    **options: float,
) -> StackSpec:
    """A module on `DATA`."""
    model = settled(ModuleModel(cls, (12,), 4, options), DATA.train.x[:2], torch.device("cpu"), together)
    return StackSpec(DATA.to(torch.device("cpu"), dtype), model, batch_size, torch.device("cpu"), dtype)


runs = st.builds(
    run,
    seed=st.integers(0, 10**6),
    optimizer=st.sampled_from(VARIANTS),
    schedule=st.sampled_from(["constant", "one_cycle"]),
    init=st.sampled_from(["default", "xavier_uniform", "orthogonal"]),
    epochs=st.integers(1, 3),
    lr=st.sampled_from([1e-3, 1e-2, 0.1, 1e30]),  # the last one diverges
)


@pytest.mark.parametrize("cls", [*TOGETHER, *ONE_BY_ONE])
@examples(10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    these=st.lists(runs, min_size=2, max_size=5),
    lane_count=st.integers(2, 4),
    batch_size=st.sampled_from([7, 32, 50]),
    pruned=st.integers(0, 4),
    n_threads=st.sampled_from([1, 2]),
    stack_sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4),
)
def test_a_lane_equals_the_run_alone_whatever_trains_leaves_and_enters_beside_it(
    cls: type[nn.Module],
    these: list[LaneSpec],
    lane_count: int,
    batch_size: int,
    pruned: int,
    n_threads: int,
    stack_sizes: list[int],
    threads: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads(n_threads)
    vary_stack_sizes(monkeypatch, stack_sizes)
    on = stack_of(cls, batch_size)
    together = train(these, on, lane_count, prune=lambda index, history: index == pruned)
    threads(1)
    for index, (a_run, lane) in enumerate(zip(these, together, strict=True)):
        alone = train([a_run], on, lane_count=1, prune=lambda _, history, index=index: index == pruned)
        assert_same(lane, alone[0])


@pytest.mark.parametrize("cls", TOGETHER)
def test_lanes_together_do_not_depend_on_the_number_of_threads(
    cls: type[nn.Module], threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_threads, "SMALL", 0)
    results = []
    for n_threads in (1, 2):
        threads(n_threads)
        results.append(train([run(3, optimizer="adam"), run(4)], stack_of(cls), lane_count=1))
    for one, other in zip(*results, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("cls", [Linears, Tied, Convolutions])
def test_a_run_equals_the_module_in_plain_pytorch(cls: type[nn.Module], together: bool) -> None:
    on = stack_of(cls, 25, together, torch.float64, **({"p": 0.0} if cls is Convolutions else {}))
    a_run = run(3, optimizer=("adam", {"weight_decay": 0.01}), epochs=20, lr=1e-3)
    (result,) = train([a_run], on, lane_count=1)

    initial = on.model.tensors(a_run.init, randomness.generator(3, "init"))
    module = on.model.new_module(0)
    module.load_state_dict(on.model.state_dict({name: t[0] for name, t in initial.items()}))
    module.double()
    reference = torch.optim.Adam(module.parameters(), lr=1e-3, weight_decay=0.01)
    for epoch in range(20):
        for batch in randomness.order(3, epoch, 100).split(25):
            reference.zero_grad()
            nn.functional.cross_entropy(module(on.data.train.x[batch]), on.data.train.y[batch]).backward()
            reference.step()

    for name, theirs in on.model.state_dict({name: t[0] for name, t in result.tensors.items()}).items():
        torch.testing.assert_close(theirs, module.state_dict()[name], rtol=1e-10, atol=1e-12)


def test_a_stack_of_modules_learns_in_bfloat16_and_keeps_float32_weights() -> None:
    for together in (True, False):
        (result,) = train([run(0, epochs=30)], stack_of(Linears, 32, together, torch.bfloat16), lane_count=1)
        assert result.history.val_metric[-1] > 0.8
        assert result.tensors["net.0.weight"].dtype == torch.float32


@pytest.mark.parametrize("cls", [TOGETHER[1], ONE_BY_ONE[1]])
def test_a_forked_worker_trains_the_same_numbers(cls: type[nn.Module]) -> None:
    on, a_run = stack_of(cls), run(5, epochs=1)
    worker = ProcessWorker()
    try:
        worker.ask_round([("a", partial(trainer.StackTrainer, on), [(0, a_run), (1, run(6, epochs=1))])], [])
        histories = worker.round().histories
    finally:
        worker.close()
    assert histories[0] == train([a_run], on, lane_count=1)[0].history
