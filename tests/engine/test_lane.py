"""A lane by itself."""

from math import inf, nan

import pytest

from hpsearch.engine.lane import new_lane
from tests.programs import dataset, program, run

STACK = program(dataset())


@pytest.mark.parametrize("loss", [nan, inf, -inf])
@pytest.mark.parametrize("name", ["training", "validation"])
def test_a_loss_that_is_not_finite_is_a_divergence(name: str, loss: float) -> None:
    lane = new_lane(0, run(), STACK)
    lane.history.train_loss = [1.0, loss if name == "training" else 1.0]
    lane.history.val_loss = [1.0, loss if name == "validation" else 1.0]
    assert lane.divergence == f"{name} loss is {loss} in epoch 2"


def test_finite_losses_are_none() -> None:
    lane = new_lane(0, run(), STACK)
    lane.history.train_loss = lane.history.val_loss = [1e30]
    assert lane.divergence is None


def test_running_statistics_are_no_parameters() -> None:
    plain, norm = (program(dataset(), (16, 9), normalization=kind) for kind in ("none", "batch"))
    counts = [new_lane(0, run(), stack).parameters for stack in (plain, norm)]
    assert counts[0] == 12 * 16 + 16 + 16 * 9 + 9 + 9 * 4 + 4
    assert counts[1] - counts[0] == 2 * (16 + 9)  # weight and bias of each normalised feature
