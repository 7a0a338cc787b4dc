"""The commands that repeat a sweep."""

import shlex
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given
from hypothesis import strategies as st

from hpsearch.record.commands import command, configuration_command, override, resume_command, text

URL = "postgresql://me:secret@host/db"


def cfg(*task: str, name: str = "${now:%Y}", hydra: tuple[str, ...] = ()) -> dict[str, Any]:
    runtime = {"config_sources": [{"path": "mine", "provider": "command-line"}]}
    overrides = {"task": list(task), "hydra": ["hydra.mode=MULTIRUN", *hydra]}
    return {"name": name, "hydra": {"overrides": overrides, "runtime": runtime, "job": {"config_name": "config"}}}


@pytest.mark.parametrize(
    ("made", "typed"),
    [
        (cfg("lr=0.1,0.2"), "lr=0.1,0.2 name=2026"),
        (cfg("lr=0.1,0.2", "name=mine", name="mine"), "lr=0.1,0.2 name=mine"),
        (cfg("experiment=mine", name="mine"), "experiment=mine"),
        (cfg("experiment=unnamed"), "experiment=unnamed name=2026"),
        (cfg("lr=1", hydra=("hydra.sweep.dir=a/b",)), "hydra.sweep.dir=a/b lr=1"),
    ],
)
def test_a_sweep_goes_on_under_its_name(made: dict[str, Any], typed: str) -> None:
    assert resume_command(made, "2026") == f"python -m hpsearch -m --config-dir=mine {typed}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, "postgresql://me:***@host/db"),
        ("postgresql://me:a:b@c@host/db?x=1&password=d", "postgresql://me:***@host/db?x=1&password=***"),
        ("sqlite:///a/b@c.db", "sqlite:///a/b@c.db"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
    ],
)
def test_a_command_shows_no_password(url: str, shown: str) -> None:
    assert shown in command(f"hydra.sweeper.storage={url}")
    assert "secret" not in command(f"hydra.sweeper.storage='{url}'")


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"]), min_size=1, max_size=12)
PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-1000, 1000), st.floats(-10, 10, allow_subnormal=False), TEXT.map(text)
)
VALUES = st.one_of(PLAIN, st.lists(PLAIN, max_size=3), st.dictionaries(st.sampled_from(["a", "b_c"]), PLAIN))


def read_back(line: str) -> Any:
    """The value of the only override of a command, as a shell and Hydra read it."""
    (argument,) = shlex.split(line)[3:]
    (override,) = OverridesParser.create().parse_overrides([argument])
    assert not override.is_sweep_override()
    return override.value()


@given(TEXT)
@example("null")
@example("1e3")
@example("007")
@example("a=b")
@example("größe")
@example("it's\\")
@example("${x}")
def test_a_text_comes_back_from_a_printed_command(value: str) -> None:
    assert read_back(command(override("name", text(value)))) == value


@given(VALUES)
@example([8, [8, "a b"]])
@example({"a": "x,y", "b_c": None})
def test_a_value_comes_back_from_a_printed_command(value: Any) -> None:
    assert read_back(command(override("key", value))) == value


def test_a_printed_command_keeps_the_folders_of_configurations_once() -> None:
    made = cfg("experiment=mine", name="mine", hydra=("hydra.searchpath=[file://c]",))
    assert resume_command(made, "s") == (
        "python -m hpsearch -m --config-dir=mine 'hydra.searchpath=[file://c]' experiment=mine"
    )


def test_the_command_of_a_classifier_has_no_keys_of_nets() -> None:
    record = {
        "config": {"architecture": {"name": "svc"}, "data": {"name": "digits"}, "seed": 3},
        "overrides": ["--config-dir=c", "data=digits", "architecture=svc", "optimizer=adam", "lr=0.1", "seed=3"],
    }
    assert configuration_command([record]) == (
        "python -m hpsearch -m --config-dir=c data=digits architecture=svc seed=3"
    )
