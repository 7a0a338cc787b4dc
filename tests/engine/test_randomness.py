import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.engine import randomness


def mask(seed: int, p: float, batch: int, features: int, epoch: int = 0, step: int = 0, layer: int = 0) -> torch.Tensor:
    keys = randomness.keys(seed, "dropout", epoch, step + 1, layer + 1)[step, layer][None]
    return randomness.keep_mask(
        keys, torch.tensor([[[randomness.keep_threshold(p)]]], dtype=torch.int32), batch, features
    )[0]


def test_an_order_is_a_permutation_that_changes_with_seed_and_epoch() -> None:
    orders = [randomness.order(seed, epoch, 1000) for seed in (0, 1) for epoch in (0, 1)]
    assert all(torch.equal(order.sort().values, torch.arange(1000)) for order in orders)
    assert len({tuple(order.tolist()) for order in orders}) == 4
    assert torch.equal(orders[0], randomness.order(0, 0, 1000))


@pytest.mark.parametrize("p", [0.0, 0.1, 0.2, 0.5, 0.9])
def test_a_mask_keeps_the_fraction_1_minus_p_in_every_row_and_column(p: float) -> None:
    keep = torch.stack([mask(seed, p, 512, 400) for seed in range(20)]).double()
    n = keep.numel()
    deviations = 5 * (p * (1 - p)) ** 0.5
    assert abs(keep.mean() - (1 - p)) <= deviations / n**0.5
    for axes, count in (((0, 1), n / 400), ((0, 2), n / 512)):
        assert (keep.mean(axes) - (1 - p)).abs().max() <= deviations / count**0.5


def test_masks_of_other_steps_layers_epochs_and_seeds_are_independent() -> None:
    first = mask(0, 0.5, 512, 400).double()
    others = [
        mask(0, 0.5, 512, 400, step=1),
        mask(0, 0.5, 512, 400, layer=1),
        mask(0, 0.5, 512, 400, epoch=1),
        mask(1, 0.5, 512, 400),
    ]
    for other in others:
        agreement = (first == other.double()).double().mean()
        assert abs(agreement - 0.5) <= 5 * 0.5 / (512 * 400) ** 0.5


def test_neighbouring_positions_are_independent() -> None:
    keep = torch.cat([mask(seed, 0.5, 512, 400).flatten() for seed in range(10)]).double()
    for distance in (1, 2, 3, 64, 256, 400, 512, 4096):
        agreement = (keep[distance:] == keep[:-distance]).double().mean()
        assert abs(agreement - 0.5) <= 5 * 0.5 / len(keep) ** 0.5, distance


def test_counts_in_blocks_spread_as_a_binomial_does() -> None:
    keep = torch.cat([mask(seed, 0.2, 256, 256).flatten() for seed in range(40)]).double().view(-1, 64)
    assert keep.sum(1).var() == pytest.approx(64 * 0.2 * 0.8, rel=0.05)


@given(p=st.floats(0, 1, exclude_max=True, allow_subnormal=False))  # training flushes them
def test_every_threshold_is_an_int32_and_zero_keeps_all(p: float) -> None:
    assert -(2**31) - 1 <= randomness.keep_threshold(p) < 2**31
    assert randomness.keep_threshold(0) == 2**31 - 1


@given(st.integers(-(2**70), 2**70))
def test_any_whole_number_is_a_seed(seed: int) -> None:
    assert torch.equal(randomness.order(seed, 0, 5), randomness.order(seed, 0, 5))
