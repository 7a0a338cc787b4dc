"""A run goes on from its checkpoint with the bits that it would have had without an interruption."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from safetensors import safe_open

from hpsearch.engine.checkpoint import Checkpoint
from hpsearch.engine.spec import LaneSpec
from hpsearch.engine.trainer import StackTrainer
from tests.programs import VARIANTS, Weighing, assert_same, dataset, examples, program, run, train

DATA = dataset()
EPOCHS = 6

options = st.fixed_dictionaries(
    {"optimizer": st.sampled_from(VARIANTS)},
    optional={
        "ema": st.sampled_from([0.5, 0.99]),
        "patience": st.sampled_from([1, 3]),
        "dropout": st.just(0.3),
        "warmup": st.just(2.5),
        "schedule": st.sampled_from(["cosine", "one_cycle"]),
    },
)


def checkpoint(folder: Path, number: int = 0) -> Checkpoint:
    return Checkpoint(folder / f"{number}.safetensors", f"key {number}")


def interrupted(lanes: list[LaneSpec], on: Any, epochs: int) -> None:
    """Train so many epochs, write checkpoints, and forget everything else."""
    trainer = Weighing(on)
    for number, lane in enumerate(lanes):
        trainer.enter(number, lane)
    for _ in range(epochs):
        trainer.epoch()
        trainer.leave()
    trainer.save()


@given(st.lists(options, min_size=1, max_size=4), st.integers(1, EPOCHS - 1), st.booleans())
@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_bits_are_those_of_a_run_that_was_not_interrupted(
    tmp_path_factory: pytest.TempPathFactory, given: list[dict[str, Any]], epochs: int, normalized: bool
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    on = program(DATA, normalization="batch" if normalized else "none")
    whole = [run(seed, epochs=EPOCHS, **each) for seed, each in enumerate(given)]
    lanes = [replace(lane, checkpoint=checkpoint(folder, number)) for number, lane in enumerate(whole)]
    interrupted(lanes, on, epochs)
    for alone, going_on in zip(whole, lanes, strict=True):  # each in a lane of its own
        assert_same(train([going_on], on, 1)[0], train([alone], on, 1)[0])


def test_only_the_epochs_that_are_left_are_trained(tmp_path: Path) -> None:
    lane, on = run(epochs=EPOCHS, checkpoint=checkpoint(tmp_path)), program(DATA)
    interrupted([lane], on, 4)
    trainer = StackTrainer(on)
    trainer.enter(0, lane)
    assert len(trainer.epoch()[0].train_loss) == 5


def test_a_checkpoint_is_written_only_of_a_run_that_has_trained(tmp_path: Path) -> None:
    trainer = StackTrainer(program(DATA))
    trainer.enter(0, run(checkpoint=checkpoint(tmp_path)))
    trainer.enter(1, run())
    trainer.save()
    assert list(tmp_path.iterdir()) == []
    trainer.epoch()
    trainer.save()
    assert [file.name for file in tmp_path.iterdir()] == ["0.safetensors"]


def test_a_checkpoint_that_does_not_fit_is_left_alone(tmp_path: Path) -> None:
    on, lane = program(DATA), run(epochs=EPOCHS, optimizer=("sgd", {"momentum": 0.9}), checkpoint=checkpoint(tmp_path))
    interrupted([lane], on, 3)
    file = checkpoint(tmp_path).file
    content = file.read_bytes()
    fresh = train([replace(lane, checkpoint=None)], on, 1)[0]
    others = [
        replace(lane, checkpoint=Checkpoint(file, "another key")),
        replace(lane, epochs=3),
        replace(lane, optimizer=run(optimizer="sgd").optimizer),
        replace(lane, optimizer=run(optimizer="adam").optimizer),
    ]
    for other in others:
        epochs = [len(each.train_loss) for each in first_epoch(other, on)]
        assert epochs == [1]
    assert [len(each.train_loss) for each in first_epoch(lane, program(DATA, widths=(16, 8)))] == [1]
    for damaged in (content[:7], content[: len(content) // 2], content[:-1], b"", b"\xff" * 100):
        file.write_bytes(damaged)
        assert_same(train([lane], on, 1)[0], fresh)
    file.write_bytes(content.replace(b'\\"val_loss\\": [', b'\\"val_loss\\": ["'))
    assert_same(train([lane], on, 1)[0], fresh)


def first_epoch(lane: LaneSpec, on: Any) -> Any:
    trainer = StackTrainer(on)
    trainer.enter(0, lane)
    return trainer.epoch().values()


def test_the_file_holds_tensors_and_no_code(tmp_path: Path) -> None:
    lane = run(epochs=EPOCHS, optimizer="adam", ema=0.9, patience=2, checkpoint=checkpoint(tmp_path))
    interrupted([lane], program(DATA, widths=(3,)), 2)
    with safe_open(checkpoint(tmp_path).file, framework="pt") as file:
        names = sorted(file.keys())
        assert {file.get_tensor(name).dtype for name in names} == {torch.float32}
    assert {name.split("/")[0] for name in names} == {"weights", "state", "average", "best"}
    assert {name.split("/")[1] for name in names if name.startswith("state")} == {"exp_avg", "exp_avg_sq"}
