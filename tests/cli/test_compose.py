"""The launcher's composer gives what Hydra gives."""

from collections.abc import Iterator
from typing import Any

import pytest
from omegaconf import OmegaConf

from hpsearch.cli.compose import Composer
from hpsearch.cli.own_options import own_options
from hpsearch.task.identity import identity
from tests.composing import NAMED, OPTIONS, loader, sweep_of


@pytest.fixture(autouse=True)
def within_a_command() -> Iterator[None]:
    with own_options():
        yield


def slow_unless_first(group: str, option: str) -> Any:
    """The override as a parameter; in the plain run only the first option of a group is composed."""
    first = next(other for its, other in OPTIONS if its == group)
    return pytest.param([f"{group}={option}"], marks=[] if option == first else pytest.mark.slow)


@pytest.mark.parametrize(
    "overrides",
    [slow_unless_first(group, option) for group, option in OPTIONS]
    + [[f"{group}={option}", "seed=3", "lr=0.1"] for group, option in NAMED]
    + [
        ["optimizer=adam", "optimizer.weight_decay=0.1", "lr=1", "seed=5"],
        ["lr=0.1", "optimizer=adam"],
        ["optimizer.betas=[0.8,0.9]", "optimizer=adamw"],
        ["architecture.widths=[64,32]", "architecture.activation=tanh", "dropout.p=0.3"],
        ["architecture.widths=null", "name=x", "device=cpu"],
        ["name='a b'", "precision=bfloat16", "hydra.job.chdir=false"],
        ["+data.extra=1", "data=mnist"],
        ["~optimizer.momentum"],
        ["data.root=${oc.env:HOME}"],
        ["epochs=7", "epochs=8"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_the_composer_gives_what_hydra_gives(overrides: list[str]) -> None:
    top = sweep_of(*overrides)
    ours, theirs = Composer(loader()).load_whole_config(top, overrides), loader().load_sweep_config(top, overrides)
    assert OmegaConf.to_container(ours, resolve=False) == OmegaConf.to_container(theirs, resolve=False)
    assert identity(ours) == identity(theirs)
    assert OmegaConf.get_type(ours, "lr") is OmegaConf.get_type(theirs, "lr")


@pytest.mark.parametrize("override", ["epoch=3", "optimizer.momentun=0.9", "lr=abc", "seed=1.5", "optimizer=foo"])
def test_the_composer_refuses_what_hydra_refuses(override: str) -> None:
    top = sweep_of()
    messages = []
    for one in (Composer(loader()), loader()):
        with pytest.raises(Exception) as raised:  # noqa: PT011
            one.load_sweep_config(top, [override])
        messages.append((type(raised.value), str(raised.value)))
    assert messages[0] == messages[1]
