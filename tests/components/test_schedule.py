import numpy as np
import pytest
import torch
from torch.optim import SGD, lr_scheduler

from hpsearch.components.schedule import SCHEDULES


def factors(make: type[lr_scheduler.LRScheduler], steps: int, **options: float) -> np.ndarray:
    optimizer = SGD([torch.zeros(1)], lr=1.0)
    scheduler = make(optimizer, **options)  # type: ignore[arg-type]
    values = []
    for _ in range(steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(values)


@pytest.mark.parametrize("final", [0.0, 0.1])
def test_cosine_equals_pytorchs(final: float) -> None:
    expected = factors(lr_scheduler.CosineAnnealingLR, 100, T_max=100, eta_min=final)
    np.testing.assert_allclose(SCHEDULES["cosine"](final=final)(np.arange(100), 100), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("steps", "warmup"), [(100, 0.3), (37, 0.5), (460, 0.1)])
def test_one_cycle_equals_pytorchs(steps: int, warmup: float) -> None:
    options = {"max_lr": 1.0, "total_steps": steps, "pct_start": warmup, "div_factor": 25, "final_div_factor": 1e4}
    expected = factors(lr_scheduler.OneCycleLR, steps - 1, cycle_momentum=False, **options)
    ours = SCHEDULES["one_cycle"](warmup=warmup, start=1 / 25, final=1 / 25e4)(np.arange(steps - 1), steps)
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_shortest_runs_have_finite_factors(steps: int) -> None:
    for name, options in (
        ("constant", {}),
        ("cosine", {"final": 0.0}),
        ("one_cycle", {"warmup": 0.3, "start": 0.04, "final": 0.0}),
    ):
        values = SCHEDULES[name](**options)(np.arange(steps), steps)
        assert values.shape == (steps,)
        assert np.isfinite(values).all()
        assert (values >= 0).all()
        assert values.max() <= 1


def test_a_value_out_of_range_is_named() -> None:
    with pytest.raises(ValueError, match=r"^warmup=1.0: must be at least 0 and below 1$"):
        SCHEDULES["one_cycle"](warmup=1.0, start=0.04, final=0.0)
