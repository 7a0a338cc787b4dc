import pytest

from hpsearch.components.optimizer import OPTIMIZERS


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("sgd", {"momentum": 1.0}, "momentum=1.0: must be at least 0 and below 1"),
        ("sgd", {"momentum": float("nan")}, "momentum=nan: must be at least 0 and below 1"),
        ("sgd", {"weight_decay": -1.0}, "weight_decay=-1.0: must be at least 0"),
        ("sgd", {"nesterov": True}, "nesterov=true: needs a momentum above 0, e.g. optimizer.momentum=0.9"),
        ("rmsprop", {"alpha": 1.5}, "alpha=1.5: must be at least 0 and below 1"),
        ("adam", {"betas": [0.9]}, r"betas=\[0.9\]: must be two numbers, at least 0 and below 1"),
        ("adam", {"eps": 0.0}, "eps=0.0: must be above 0"),
        ("adamw", {"weight_decay": float("inf")}, "weight_decay=inf: must be at least 0"),
    ],
)
def test_a_value_out_of_range_is_named(name: str, options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        OPTIMIZERS[name](**options)


def test_only_lanes_of_the_same_arithmetic_are_of_one_kind() -> None:
    sgd = OPTIMIZERS["sgd"]
    assert sgd(momentum=0.9).kind == sgd(momentum=0.5).kind
    kinds = {sgd().kind, sgd(momentum=0.9).kind, sgd(momentum=0.9, nesterov=True).kind, sgd(weight_decay=0.1).kind}
    kinds |= {OPTIMIZERS["adam"](weight_decay=0.1).kind, OPTIMIZERS["adamw"]().kind, OPTIMIZERS["rmsprop"]().kind}
    assert len(kinds) == 7
