"""The commands that repeat a sweep."""

from typing import Any

import pytest

from hpsearch.record.commands import command, resume_command

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
