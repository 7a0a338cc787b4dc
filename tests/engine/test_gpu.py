"""On a CUDA device: ``python -m pytest -m gpu``."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hpsearch.engine import randomness, stack
from hpsearch.engine.checkpoint import Checkpoint
from hpsearch.engine.spec import LaneSpec
from hpsearch.engine.trainer import StackTrainer
from hpsearch.record.file import load_record
from hpsearch.record.folders import run_folders
from tests.cli import TINY, Cli
from tests.engine.test_checkpoint import interrupted
from tests.programs import assert_same, dataset, program, run, train

pytestmark = pytest.mark.gpu

OPTIMIZERS = ["sgd", "rmsprop", "adam", "adamw"]
DATA = dataset(train=1000, features=64, classes=10, held_out=300)


def some_runs(first_seed: int = 0) -> list[LaneSpec]:
    return [run(first_seed + i, optimizer=OPTIMIZERS[i % 4], lr=1e-3, dropout=0.2 * (i % 2)) for i in range(8)]


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
def test_a_lane_does_not_depend_on_its_neighbours_at_equal_lane_count(normalization: str) -> None:
    on = program(DATA, (64, 64), 64, normalization, device="cuda:0")
    first = train(some_runs(), on, lane_count=8)
    others = train([some_runs()[0], *some_runs(100)[1:]], on, lane_count=8)
    assert_same(first[0], others[0])


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
def test_cpu_and_cuda_agree(normalization: str) -> None:
    there = train(some_runs(), program(DATA, (64, 64), 64, normalization, device="cuda:0"), lane_count=3)
    here = train(some_runs(), program(DATA, (64, 64), 64, normalization), lane_count=8)
    for cpu, cuda in zip(here, there, strict=True):
        assert cuda.history.train_loss == pytest.approx(cpu.history.train_loss, rel=1e-3)
        assert cuda.history.val_metric == pytest.approx(cpu.history.val_metric, abs=0.02)


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_recorded_step_gives_the_bits_of_one_that_is_not(
    normalization: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = program(DATA, (64, 64), 64, normalization, device="cuda:0", dtype=dtype)
    recorded = train(some_runs(), on, lane_count=8)
    monkeypatch.setattr(stack, "graphed", lambda function, device: function)
    for one, other in zip(recorded, train(some_runs(), on, lane_count=8), strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
def test_one_kernel_a_step_trains_as_pytorchs_operations_do(
    normalization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = program(DATA, (64, 64), 64, normalization, device="cuda:0")
    fused = train(some_runs(), on, lane_count=8)
    monkeypatch.setattr(stack, "fused", lambda optimizer, device: optimizer.update)
    for one, other in zip(fused, train(some_runs(), on, lane_count=8), strict=True):
        assert one.history.train_loss == pytest.approx(other.history.train_loss, rel=1e-4)


def test_a_lane_does_not_depend_on_what_is_pruned_and_refilled_beside_it() -> None:
    on = program(DATA, (64, 64), 64, device="cuda:0")
    calm = train([run(seed, epochs=6, lr=1e-3) for seed in range(4)], on, lane_count=4)
    these = [run(seed, epochs=6 if seed == 0 else 2, lr=1e-3) for seed in range(12)]
    refilled = train(these, on, lane_count=4, prune=lambda index, history: index % 3 == 1)
    assert calm[0].history.train_loss == pytest.approx(refilled[0].history.train_loss, rel=1e-3)


def test_a_stack_that_does_not_fit_trains_in_fewer_lanes() -> None:
    on = program(DATA, (4096, 4096), 64, device="cuda:0")  # 68 MB of weights a lane
    few = train([run(seed, optimizer="adam", lr=1e-4) for seed in range(2)], on, lane_count=2)
    torch.cuda.empty_cache()
    device = torch.cuda.get_device_properties(0)
    held = torch.cuda.memory_reserved()
    torch.cuda.set_per_process_memory_fraction((held + 3e9) / device.total_memory)
    try:
        these = [run(seed, optimizer="adam", lr=1e-4) for seed in range(16)]
        many = train(these, on, lane_count=16, start=StackTrainer)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert max(result.lanes for result in many) < 16
    for one, other in zip(few, many[:2], strict=True):
        assert one.history.train_loss == pytest.approx(other.history.train_loss, rel=1e-3)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_goes_on_from_its_checkpoint_with_its_bits(optimizer: str, tmp_path: Path) -> None:
    on, alone = program(DATA, (64, 64), 64, "batch", device="cuda:0"), run(optimizer=optimizer, lr=1e-3, epochs=5)
    going_on = replace(alone, checkpoint=Checkpoint(tmp_path / "checkpoint.safetensors", "key"))
    interrupted([going_on], on, 3)
    assert_same(train([going_on], on, 1)[0], train([alone], on, 1)[0])


def test_dropout_masks_are_the_same_bits_on_both() -> None:
    keys = randomness.keys(0, "dropout", 0, 1, 1)[0]
    threshold = torch.tensor([[[randomness.keep_threshold(0.3)]]], dtype=torch.int32)
    here = randomness.keep_mask(keys, threshold, 512, 400)
    assert torch.equal(here, randomness.keep_mask(keys.cuda(), threshold.cuda(), 512, 400).cpu())


def test_auto_is_the_cuda_device_and_every_precision_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    cli = Cli(tmp_path, monkeypatch, capfd)
    sweep = "precision=float32,tf32,bfloat16", "optimizer=sgd,adam", "epochs=10", "batch_size=64", "name=cuda"
    shown = cli("-m", *TINY, *sweep)
    assert shown.code == 0, shown.err
    sweep_folder = cli.multirun / "cuda"
    for entry in map(load_record, (sweep_folder / name for name in run_folders(sweep_folder))):
        assert entry["environment"]["device"] == "cuda:0"
        assert entry["lanes"] == 2
        assert entry["metrics"]["test_accuracy"] > 0.3
