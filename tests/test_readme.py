"""What the README says is so."""

import re
from pathlib import Path

import pytest
import torch

from hpsearch.components import optimizer
from hpsearch.components.architecture.classifiers import CLASSIFIERS
from hpsearch.components.data.builtin import DATASETS
from hpsearch.components.init import INITS
from hpsearch.components.layers import ACTIVATIONS
from hpsearch.components.normalization import NORMALIZATIONS
from hpsearch.components.optimizer import OPTIMIZERS
from hpsearch.components.schedule import SCHEDULES
from hpsearch.record.file import load_record
from hpsearch.record.folders import run_folders
from hpsearch.search.config import PRUNERS
from hpsearch.search.objectives import OBJECTIVES
from tests.cli import Cli
from tests.programs import dataset, program, run, train

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()


def test_there_are_exactly_two_set_up_commands() -> None:
    assert re.findall(r"^pip install.*$", README, flags=re.MULTILINE) == [
        "pip install -e . && python -m hpsearch -m experiment=quickstart",
        'pip install -e ".[test]" && python -m pytest -n auto',
    ]


@pytest.mark.parametrize(
    "registry",
    [DATASETS, INITS, ACTIVATIONS, NORMALIZATIONS, OPTIMIZERS, SCHEDULES, CLASSIFIERS, PRUNERS, OBJECTIVES],
    ids=lambda registry: next(iter(registry)),
)
def test_every_option_is_named(registry: dict[str, object]) -> None:
    assert all(f"`{name}`" in README for name in registry)


def test_the_example_optimizer_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    monkeypatch.setattr(optimizer, "SignSGD", None, raising=False)
    exec(code, vars(optimizer))  # where the README puts it
    monkeypatch.setitem(OPTIMIZERS, "signsgd", optimizer.SignSGD)  # type: ignore[attr-defined]
    these = [run(0, optimizer="signsgd", lr=0.01, epochs=10), run(1, optimizer="adam")]
    results = train(these, program(dataset()), lane_count=2)
    assert results[0].history.val_accuracy[-1] > 0.8
    assert torch.isfinite(results[0].weights["linear0.weight"]).all()


@pytest.mark.parametrize("group", ["experiment", "search"])
def test_every_experiment_and_search_is_named(group: str) -> None:
    files = (Path(__file__).resolve().parent.parent / "conf" / group).glob("*.yaml")
    assert all(f"`{file.stem}`" in README for file in files)


def test_the_example_search_runs(cli: Cli, tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(# @package.*?)```", README, flags=re.DOTALL)
    folder = tmp_path / "own" / "search"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(example)
    shown = cli(
        "--config-dir", str(folder.parent), "-m", "search=mine", "data=digits", "epochs=2", "architecture.width=8",
        "hydra.sweeper.n_trials=4", "report=false",
    )  # fmt: skip
    assert shown.code == 0, shown.err
    first, *others = run_folders(cli.multirun / "mine")
    assert len(others) == 3
    again = cli(*load_record(cli.multirun / "mine" / first)["overrides"])
    assert again.out.startswith("already in "), again.err
