"""Hydra's own errors as one line."""

import sys
from pathlib import Path

import pytest
from yaml import YAMLError

from hpsearch.cli.error_lines import FOUND, line_of
from tests.cli import TINY
from tests.composing import job_cfg, loader, sweep_cfg

REFUSED = [
    ("lrr=3", "lrr: Key 'lrr' not in 'Config'. Did you mean: 'lr'?"),
    ("optimizer=foo", "optimizer=foo: must be one of adam, adamw, rmsprop, sgd"),
    ("lr=abc", "lr=abc: Value 'abc' of type 'str' could not be converted to Float"),
    ("seed=1.5", "seed=1.5: Value '1.5' of type 'float' could not be converted to Integer"),
    ("lr=choice()", "lr=choice(): empty choice is not legal"),
    ("lr=interval(", "lr=interval(: no viable alternative at input 'interval('"),
    ("hydra/sweeper/sampler=nope", "hydra/sweeper/sampler=nope: must be one of auto, cmaes, gp, grid, motpe, "),
    ("hydra.sweeper.n_trials=abc", "hydra.sweeper.n_trials=abc: Value 'abc' of type 'str' could not be converted"),
    ("~nope", "Could not delete from config. 'nope' does not exist."),
]


def compose(*overrides: str) -> None:
    """Compose a sweep and its job."""
    sweep_cfg(*TINY, *overrides)
    job_cfg(*TINY, *overrides)


def refused(*overrides: str) -> str:
    """The line for overrides that Hydra refuses."""
    with pytest.raises(FOUND) as caught:
        compose(*overrides)
    return line_of(caught.value)


@pytest.mark.parametrize(("override", "line"), REFUSED, ids=[override for override, _ in REFUSED])
def test_the_line_names_the_override_and_the_reason(override: str, line: str) -> None:
    searched = ("hydra/sweeper=hpsearch",) if "hydra" in override else ()
    found = refused(*searched, override)
    assert found.startswith(line)
    assert "\n" not in found


def test_a_configuration_that_is_not_there() -> None:
    with pytest.raises(FOUND) as caught:
        loader().load_configuration("nope", [], sweep_cfg().hydra.mode)
    line = line_of(caught.value)
    assert line == "Cannot find primary config 'nope'. Check that it's in your config search path."


@pytest.mark.parametrize(
    "arguments",
    [
        ("hydra.sweeper.storage=postgresql://u:secret@127.0.0.1:1/x",),
        ("hydra/sweeper=hpsearch", "hydra.sweeper.storage=postgresql://u:secret(@127.0.0.1:1/x"),
        ("hydra/sweeper=hpsearch", "hydra.sweeper.storage=postgresql://u:secret,@127.0.0.1:1/x"),
        ("hydra/sweeper=hpsearch", "hydra.sweeper.storage=postgresql://u:a@secret,@127.0.0.1:1/x"),
    ],
)
def test_no_line_shows_a_password(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["hpsearch", *TINY, *arguments])
    line = refused(*arguments)
    assert "secret" not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("lr: [1", "{file}, line 3: did not find expected ',' or ']'"),
        ("lr: 0.1\nlr: 0.2", "{file}, line 3: found duplicate key lr"),
        ("a: &a [*a]", "{file}, line 2: YAML recursive aliases are not supported"),
        ("\0", "{file}: control characters are not allowed"),
        ("lr: abc", "experiment/mine.yaml: lr: Value 'abc' of type 'str' could not be converted to Float"),
        ("hydra: 3", "experiment/mine.yaml: Merge error: int is not a subclass of HydraConf"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(text: str, line: str, tmp_path: Path) -> None:
    file = tmp_path / "experiment" / "mine.yaml"
    file.parent.mkdir()
    file.write_text(f"# @package _global_\n{text}\n")
    with pytest.raises((*FOUND, YAMLError)) as caught:
        sweep_cfg(f"hydra.searchpath=[file://{tmp_path}]", "experiment=mine")
    assert line_of(caught.value).startswith(line.format(file=file))


def test_an_option_that_a_swept_choice_would_bring_can_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["optimizer=adam,rmsprop", "optimizer.eps=1e-7"]
    monkeypatch.setattr(sys, "argv", ["hpsearch", "-m", *typed])
    line = refused(*typed)
    assert line.endswith("(without a sweep); if each of adam,rmsprop has it: ++optimizer.eps=1e-7")


def test_an_experiment_may_choose_the_launcher(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    text = "# @package _global_\ndefaults:\n  - override /hydra/launcher: basic\n"
    (tmp_path / "experiment" / "mine.yaml").write_text(text)
    assert sweep_cfg().hydra.launcher._target_.endswith(".StackedLauncher")
    chosen = sweep_cfg(f"hydra.searchpath=[file://{tmp_path}]", "experiment=mine")
    assert chosen.hydra.launcher._target_.endswith(".BasicLauncher")
