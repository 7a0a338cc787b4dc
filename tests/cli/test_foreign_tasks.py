"""A task function of the user's own, decorated with ``@hydra.main``, under hpsearch's launcher and sweeper."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import optuna
import pytest
import yaml
from hydra.core.plugins import Plugins
from omegaconf import DictConfig
from optuna.trial import FrozenTrial, TrialState

from hpsearch.errors import SweepError
from tests.searching import trials_of

Plugins.instance()
CONFIG = """
x: 0.0
y: 0
hydra:
  job: {name: foreign}
  sweep: {dir: swept}
"""
SEARCH = ("-m", "hydra/sweeper=hpsearch", "hydra/sweeper/sampler=random", "hydra.sweeper.sampler.seed=0")
SPACE = ("x=interval(-1,1)", "y=range(5)")
STUDY = ("hydra.sweeper.study_name=s", "hydra.sweeper.n_trials=8")

Task = Callable[[DictConfig], Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a task function with arguments, as its script would, in a folder of its own."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")

    def main(task: Task, *arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["foreign.py", *arguments])
        hydra.main(config_path=str(tmp_path / "conf"), config_name="config")(task)()

    return main


def parabola(cfg: DictConfig) -> float:
    """It is largest at x=0, y=3."""
    return float(1 - cfg.x**2 - (cfg.y - 3) ** 2)


def trials() -> list[FrozenTrial]:
    return trials_of("sqlite:///hpsearch.db", "s")


def test_its_jobs_run_under_the_stacked_launcher_as_under_hydras_own(run: Callable[..., None], tmp_path: Path) -> None:
    ran: list[tuple[float, int, str]] = []

    def note(cfg: DictConfig) -> None:
        ran.append((cfg.x, cfg.y, os.getcwd()))

    run(note, "-m", "hydra/launcher=stacked", "x=1,2", "y=3,4")
    assert ran == [(x, y, str(tmp_path)) for x in (1.0, 2.0) for y in (3, 4)]
    assert sorted(os.listdir(tmp_path / "swept")) == ["0", "1", "2", "3", "multirun.yaml"]
    files = tmp_path / "swept" / "2" / ".hydra"
    assert sorted(os.listdir(files)) == ["config.yaml", "hydra.yaml", "overrides.yaml"]
    assert yaml.safe_load((files / "overrides.yaml").read_text()) == ["x=2", "y=3"]


@pytest.mark.parametrize("launcher", ["basic", "stacked"])
def test_a_search_finds_its_best_value(run: Callable[..., None], launcher: str, tmp_path: Path) -> None:
    run(parabola, *SEARCH, *SPACE, *STUDY, f"hydra/launcher={launcher}")
    found = trials()
    assert [trial.state for trial in found] == [TrialState.COMPLETE] * 8
    for trial in found:
        x, y = trial.params["x"], trial.params["y"]
        assert trial.value == pytest.approx(1 - x**2 - (y - 3) ** 2)
    best = max(found, key=lambda trial: trial.value or -100)
    with_storage = optuna.load_study(study_name="s", storage="sqlite:///hpsearch.db")
    assert with_storage.best_trial.number == best.number
    assert best.params["y"] == 3
    run(parabola, *SEARCH, *SPACE, *STUDY[:-1], "hydra.sweeper.n_trials=10")
    assert len(trials()) == 10


def test_an_exception_in_one_job_is_a_failed_trial(run: Callable[..., None]) -> None:
    def broken(cfg: DictConfig) -> float:
        if cfg.y == 2:
            raise ValueError("not this one")
        return parabola(cfg)

    with pytest.raises(SweepError, match="^s: 1 of 4 trials failed"):
        run(broken, *SEARCH, "y=0,1,2,3", *STUDY[:-1], "hydra.sweeper.n_trials=4")
    states = {trial.params["y"]: (trial.state, trial.user_attrs.get("reason")) for trial in trials()}
    complete = TrialState.COMPLETE, None
    assert states == {0: complete, 1: complete, 2: (TrialState.FAIL, "not this one"), 3: complete}


@pytest.mark.parametrize("value", ["word", None, [1, 2]])
def test_a_value_that_is_no_number_is_a_failure_that_says_so(run: Callable[..., None], value: Any) -> None:
    with pytest.raises(SweepError, match="^s: 1 of 1 trials failed"):
        run(lambda cfg: value, *SEARCH, "y=0,1", *STUDY[:-1], "hydra.sweeper.n_trials=1")
    (trial,) = trials()
    assert trial.user_attrs["reason"] == f"the task must return a number, not {value!r}"


def test_a_grid_under_the_sweeper_runs_its_one_point(run: Callable[..., None]) -> None:
    ran: list[float] = []
    run(lambda cfg: ran.append(cfg.x), *SEARCH, "x=0.5", "+hydra.sweeper.params={x: 'interval(0,1)', y: 1}")
    assert ran == [0.5]
