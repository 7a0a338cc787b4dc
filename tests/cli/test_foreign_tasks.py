"""A task function of the user's own, decorated with ``@hydra.main``, under hpsearch's launcher and sweeper."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import optuna
import pytest
import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from omegaconf import DictConfig
from optuna.trial import FrozenTrial, TrialState

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
STUDY = ("hydra.sweeper.study_name=s", "hydra.sweeper.direction=maximize", "hydra.sweeper.n_trials=8")

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


@pytest.mark.parametrize("launcher", ["basic", pytest.param("stacked", marks=pytest.mark.slow)])
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


def test_an_exception_in_one_job_is_a_failed_trial(
    run: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(cfg: DictConfig) -> float:
        if cfg.y == 2:
            raise ValueError("not this one")
        return parabola(cfg)

    with pytest.raises(HydraException, match="^s: 1 of 4 trials failed"):
        run(broken, *SEARCH, "y=0,1,2,3", *STUDY[:-1], "hydra.sweeper.n_trials=4")
    states = {trial.params["y"]: (trial.state, trial.user_attrs.get("reason")) for trial in trials()}
    assert re.search(r"^job \d \(y=2 seed=0\) failed: ValueError: not this one$", capsys.readouterr().out, re.MULTILINE)
    complete = TrialState.COMPLETE, None
    assert states == {0: complete, 1: complete, 2: (TrialState.FAIL, "not this one"), 3: complete}


@pytest.mark.parametrize("value", ["word", None, [1, 2]])
def test_a_value_that_is_no_number_is_a_failure_that_says_so(run: Callable[..., None], value: Any) -> None:
    with pytest.raises(HydraException, match="^s: 1 of 1 trials failed"):
        run(lambda cfg: value, *SEARCH, "y=0,1", *STUDY[:-1], "hydra.sweeper.n_trials=1")
    (trial,) = trials()
    assert trial.user_attrs["reason"] == f"the task must return a number, not {value!r}"


def test_a_grid_under_the_sweeper_runs_its_one_point(run: Callable[..., None]) -> None:
    ran: list[float] = []
    run(lambda cfg: ran.append(cfg.x), *SEARCH, "x=0.5", "+hydra.sweeper.params={x: 'interval(0,1)', y: 1}")
    assert ran == [0.5]


def test_a_loss_is_minimised_unless_told_otherwise_and_the_results_are_those_of_the_stock_sweeper(
    run: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(lambda cfg: float(cfg.y), *SEARCH, "y=choice(0,1,2,3)", STUDY[0], "hydra.sweeper.n_trials=8")
    lowest = min(trial.params["y"] for trial in trials())
    results = yaml.safe_load((tmp_path / "swept" / "optimization_results.yaml").read_text())
    assert results == {"name": "optuna", "best_params": {"y": lowest}, "best_value": float(lowest)}
    assert f"Best value: {float(lowest)}" in capsys.readouterr().out


def test_a_task_may_return_a_value_for_each_direction(run: Callable[..., None], tmp_path: Path) -> None:
    directions = "hydra.sweeper.direction=[minimize,maximize]"
    run(lambda cfg: (cfg.y, cfg.y), *SEARCH, "y=choice(0,1,2,3)", STUDY[0], directions, "hydra.sweeper.n_trials=4")
    found = yaml.safe_load((tmp_path / "swept" / "optimization_results.yaml").read_text())["solutions"]
    assert {solution["params"]["y"] for solution in found} == {trial.params["y"] for trial in trials()}
    with pytest.raises(HydraException, match="2 of 2 trials failed"):
        run(parabola, *SEARCH, "y=0,1", directions, "hydra.sweeper.study_name=t", "hydra.sweeper.n_trials=2")


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("hydra/sweeper/pruner=median", "hydra/sweeper/pruner=MedianPruner: must be none, because the task is not"),
        ("hydra.sweeper.objective=val_loss", "hydra.sweeper.objective=val_loss: must be null, because the task is not"),
        ("hydra.sweeper.direction=up", "hydra.sweeper.direction=up: must be minimize or maximize, or a list of them"),
    ],
)
def test_what_only_runs_of_hpsearch_have_is_refused(run: Callable[..., None], argument: str, line: str) -> None:
    with pytest.raises(HydraException, match=f"^{re.escape(line)}"):
        run(parabola, *SEARCH, *SPACE, STUDY[0], argument)


def test_keys_of_our_names_are_the_tasks_own(run: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(ConfigStore.instance().repo, "split", raising=False)  # of a test in the same process
    own = ("+plan=big", "+name=null", "+seed=null", "+split=train", "+trial=x", "+confirm=no", "+plugins=[json]")
    seen: list[Any] = []
    run(lambda cfg: seen.append((cfg.plan, cfg.seed, cfg.split)) or 1.0, *SEARCH, "y=0,1", *own, *STUDY)
    assert seen == [("big", None, "train")] * 2
