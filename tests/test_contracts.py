"""Every part that hpsearch brings keeps its contract, and the contracts see parts that do not."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hpsearch import testing
from hpsearch.components.architecture.cnn import CNN
from hpsearch.components.architecture.mlp import MLP
from hpsearch.components.architecture.options import ARCHITECTURES
from hpsearch.components.data.builtin import DATASETS
from hpsearch.components.data.dataset import Dataset, Split
from hpsearch.components.metric import METRICS, Metric, accuracy
from hpsearch.components.optimizer import OPTIMIZERS, SGD, Adam
from hpsearch.components.target import Classes
from hpsearch.task.prepare import prepare
from hpsearch.task.resume import ResumedSource
from hpsearch.workers.local import LocalWorker
from hpsearch.workers.process import ProcessWorker
from hpsearch.workers.run import RunList
from tests.cli import TINY
from tests.composing import job_cfg
from tests.modules import ONE_BY_ONE, TOGETHER, Linears, Remembering
from tests.programs import VARIANTS, dataset
from tests.searching import SPACE, new_search

OPTIONS: dict[str, dict[str, Any]] = {
    "mlp": {"depth": 2, "width": 8, "widths": None, "activation": "tanh", "negative_slope": 0.01},
}


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_optimizers(variant: tuple[str, dict[str, Any]]) -> None:
    name, options = variant
    others = [OPTIMIZERS[other](**arguments) for other, arguments in VARIANTS if other != name]
    testing.check_optimizer(OPTIMIZERS[name](**options), beside=others[::3])


def test_every_optimizer_has_a_variant() -> None:
    assert {name for name, _ in VARIANTS} == set(OPTIMIZERS)


@pytest.mark.parametrize("name", list(OPTIONS))
def test_architectures(name: str) -> None:
    testing.check_architecture(ARCHITECTURES[name](**OPTIONS[name]))


CNN_OPTIONS = {"blocks": 2, "width": 3, "hidden": 8, "dropout": 0.2, "channel_dropout": 0.1}


@pytest.mark.parametrize("normalization", [True, False])
@pytest.mark.parametrize(("shape", "outputs"), [((1, 8, 8), 4), ((6, 5), 1), ((3, 4, 9), 2)])
def test_cnn(normalization: bool, shape: tuple[int, ...], outputs: int) -> None:
    testing.check_module(CNN, shape, outputs, normalization=normalization, **CNN_OPTIONS)


@pytest.mark.parametrize("cls", [*TOGETHER, *ONE_BY_ONE])
def test_modules(cls: type[nn.Module]) -> None:
    testing.check_module(cls, (12,), 4)
    testing.check_module(cls, (12,), 1)


def test_no_architecture_is_left_out() -> None:
    assert set(ARCHITECTURES) == {*OPTIONS, "cnn"}


@pytest.mark.parametrize("name", list(METRICS))
def test_metrics(name: str) -> None:
    testing.check_metric(name)


def test_digits() -> None:
    testing.check_dataset(partial(DATASETS["digits"], validation=180, test=180, split_seed=0))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fashion_mnist", "mnist"])
def test_the_real_data_sets(name: str, real_data: Path) -> None:
    load = partial(DATASETS[name], root=str(real_data), validation=6000, split_seed=0)
    testing.check_dataset(load, equal_rows=10)  # they hold a few images twice


def test_no_data_set_is_left_out() -> None:
    assert set(DATASETS) == {"digits", "fashion_mnist", "mnist", "table", "arrays"}


@pytest.fixture
def forked() -> Iterator[ProcessWorker]:
    worker = ProcessWorker()
    yield worker
    worker.close()


def test_this_process_as_a_worker() -> None:
    testing.check_worker(LocalWorker())


def test_a_forked_worker(forked: ProcessWorker) -> None:
    testing.check_worker(forked)


def run_list(n: int) -> RunList:
    jobs = [(job_cfg(*TINY, f"seed={seed % 4}"), []) for seed in range(n)]
    return RunList(list(enumerate(prepare(jobs))))


def test_a_list_of_runs() -> None:
    assert testing.check_source(run_list(6)) == list(range(6))


def test_a_resumed_sweep_that_asks_for_runs_twice(tmp_path: Path) -> None:
    source = ResumedSource(run_list(6), tmp_path)
    assert testing.check_source(source, ended=source.ended) == list(range(4))  # seeds 0 and 1 wait for their equals


@pytest.mark.parametrize("pruner", ["none", "median", "synchronous_halving"])
def test_a_search(tmp_path: Path, pruner: str) -> None:
    command = (*SPACE, "hydra.sweeper.n_trials=7", "hydra.sweeper.seeds=[0,1]", f"hydra/sweeper/pruner={pruner}")
    search = new_search(tmp_path, lambda values: [0.0, 0.0], *command)
    assert testing.check_source(search, ended=search.ended) == list(range(14))
    search.close()


# the contracts see what is broken


class Coupled(SGD):
    def update(self, p: Tensor, g: Tensor, buffers: dict[str, Tensor], v: dict[str, Tensor]) -> None:
        super().update(p, g / g.norm(), buffers, v)  # a norm over all lanes


class Infinite(SGD):
    def values(self, lr: Any, step: Any) -> Any:
        return super().values(lr, step) | {"factor": lr / (step - 1)}


class Unequal(Adam):
    @property
    def kind(self) -> Any:
        return object()


@pytest.mark.parametrize(
    ("optimizer", "reason"),
    [
        (Coupled(), "a lane of Coupled must train as the run alone, bit for bit"),
        (Infinite(), "values: factor=.* must be a finite number"),
        (Unequal(), "kind=.*: a copy must have an equal one"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_an_optimizer_that_breaks_its_contract(optimizer: SGD, reason: str) -> None:
    with pytest.raises(AssertionError, match=f"^{reason}"):
        testing.check_optimizer(optimizer)


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (Metric("broken", accuracy, "classification", "labels", maximize=False), "broken: right predictions get 1 and"),
        (Metric("broken", lambda y, p: math.nan, "regression", "values"), "broken=nan: must be a finite number"),
        (Metric("broken", lambda y, p: p[0] - y[1], "regression", "values"), "broken: "),
        (
            Metric("broken", lambda y, p: accuracy(y, p) - p[:9].sum() / 99, "classification", "labels"),
            "broken: must not",
        ),
    ],
)
def test_a_metric_that_breaks_its_contract(metric: Metric, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "broken", metric)
    with pytest.raises(AssertionError, match=f"^{reason}"):
        testing.check_metric("broken")


class Centred(MLP):
    def forward(self, tensors: Any, x: Tensor, dropout: Any, training: bool) -> Tensor:
        logits = super().forward(tensors, x, dropout, training)
        return logits - logits.mean()  # over all lanes


class Undropped(MLP):
    def forward(self, tensors: Any, x: Tensor, dropout: Any, training: bool) -> Tensor:
        return super().forward(tensors, x, None, training)


class Shared(Linears):
    """Its lanes share a number that a forward in training changes."""

    calls = [0.0]

    def forward(self, x: Tensor) -> Tensor:
        self.calls[0] += self.training
        return super().forward(x) * (1 + self.calls[0])


def test_a_module_that_breaks_its_contract() -> None:
    with pytest.raises(AssertionError, match="^a lane of SGD must train as the run alone, bit for bit"):
        testing.check_module(Shared, (12,), 4)
    with pytest.raises(AssertionError, match="^Remembering: its forward sets self.last_mean"):
        testing.check_module(Remembering, (12,), 4)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Centred, "a lane of SGD must train as the run alone, bit for bit"),
        (Undropped, r"forward: drops out in layers \[\] of 1"),
    ],
)
def test_an_architecture_that_breaks_its_contract(model: type[MLP], reason: str) -> None:
    with pytest.raises(AssertionError, match=f"^{reason}"):
        testing.check_architecture(lambda shape, outputs, norm: model(*shape, outputs, (8,), norm))


GOOD = dataset()
NAN = torch.full_like(GOOD.test.x, math.nan)


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (lambda: replace(GOOD, test=GOOD.validation), "validation and test: 40 rows are in both"),
        (lambda: replace(GOOD, target=Classes(tuple("abc"))), "train: y must be int64 between 0 and 2"),
        (lambda: replace(GOOD, target=Classes(tuple("abcde"))), "train: must have a sample of each class"),
        (lambda: replace(GOOD, test=Split(NAN, GOOD.test.y)), "test: x must be finite floating point"),
        (lambda: replace(GOOD, test=Split(GOOD.test.x, GOOD.test.y[:-1])), r"test: x must be \[n, features\]"),
        (
            lambda: replace(GOOD, test=Split(torch.rand(40, 12), GOOD.test.y)),
            "test: must be the same when loaded again",
        ),
    ],
)
def test_a_data_set_that_breaks_its_contract(load: Callable[[], Dataset], reason: str) -> None:
    testing.check_dataset(lambda: GOOD)
    with pytest.raises(AssertionError, match=f"^{reason}"):
        testing.check_dataset(load)


class Stubborn(LocalWorker):
    def prune(self, runs: Any) -> Any:
        return super().prune(())


class Silent(LocalWorker):
    def round(self) -> Any:
        return replace(super().round(), raised=[])


@pytest.mark.parametrize(
    ("worker", "error"), [(Stubborn(), "prune: pruned runs must leave"), (Silent(), "round: a stack that raises")]
)
def test_a_worker_that_breaks_its_contract(worker: LocalWorker, error: str) -> None:
    with pytest.raises(AssertionError, match=f"^{error}"):
        testing.check_worker(worker)


class Repeating(RunList):
    def next_runs(self, free: int) -> Any:
        return [(0, run) for _, run in super().next_runs(free)]


class Greedy(RunList):
    def prune(self, histories: Any, training: Any) -> Any:
        return [99]


@pytest.mark.parametrize(
    ("source", "error"), [(Repeating, "next_runs: 0 must not be given to two runs"), (Greedy, "prune: must give runs")]
)
def test_a_source_that_breaks_its_contract(source: type[RunList], error: str) -> None:
    jobs = [(job_cfg(*TINY, f"seed={seed}"), []) for seed in range(2)]
    with pytest.raises(AssertionError, match=f"^{error}"):
        testing.check_source(source(list(enumerate(prepare(jobs)))))


def test_the_contracts_need_no_pytest() -> None:
    assert "pytest" not in Path(testing.__file__).read_text().split('"""')[2]
