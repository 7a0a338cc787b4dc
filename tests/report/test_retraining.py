"""Each seed's winner trained again."""

import math
from pathlib import Path
from typing import Any

import pytest

from hpsearch.record.file import key_of
from hpsearch.record.frame import gather
from hpsearch.report import retraining
from tests.made_records import scored, sweep

GRID = [
    scored(5.0, val=value, lr=lr, seed=seed, overrides=[f"lr={lr}", f"seed={seed}"])
    for lr, values in ((0.1, (4.0, 6.0, 5.0)), (0.01, (4.5, 5.5, 5.5)))
    for seed, value in enumerate(values)
]


def again(test: float, lr: float, seed: int, epochs: int = 3) -> dict[str, object]:
    changed = {"split": {"name": "uci", "validation": 0}, "epochs": epochs}
    lines = [f"lr={lr}", "split.validation=0", *([f"epochs={epochs}"] if epochs != 3 else []), f"seed={seed}"]
    return scored(test, val=math.nan, lr=lr, seed=seed, overrides=lines, **changed)


def test_each_seed_has_its_own_winner(tmp_path: Path) -> None:
    runs = gather([sweep(tmp_path, GRID)])
    found = [(record["config"]["lr"], seeds) for record, seeds in retraining.winners(runs)]
    assert found == [(0.1, [0, 2]), (0.01, [1])]


def test_the_mean_is_over_the_winners_alone(tmp_path: Path) -> None:
    """A run of a configuration that is its seed's winner no longer, because the grid has grown, does not count."""
    path = sweep(tmp_path, GRID)
    assert retraining.paragraphs([path], gather([path])) == []
    sweep(path / "retrain", [again(4.0, 0.1, 0), again(5.0, 0.01, 1), again(6.0, 0.1, 2), again(99.0, 0.01, 0)])
    (paragraph,) = retraining.paragraphs([path], gather([path]))
    assert paragraph == (
        "Each seed's winner, trained again with split.validation=0, reaches RMSE of strength 5.00 ± 0.58 on test over "
        "3 seeds (± standard error; standard deviation 1.000)."
    )


def test_each_way_to_train_again_has_its_own_mean(tmp_path: Path) -> None:
    path = sweep(tmp_path, GRID)
    sweep(path / "retrain", [again(4.0, 0.1, 0), again(3.0, 0.1, 0, epochs=9), again(1.0, 0.1, 2, epochs=9)])
    one, other = retraining.paragraphs([path], gather([path]))
    assert "with split.validation=0, reaches RMSE of strength 4.000 on test" in one
    assert "with split.validation=0 epochs=9, reaches RMSE of strength 2.0 ± 1.0 on test over 2 seeds" in other


def test_one_seed_has_no_error(tmp_path: Path) -> None:
    path = sweep(tmp_path, [record for record in GRID if record["config"]["seed"] == 0])
    sweep(path / "retrain", [again(4.0, 0.1, 0)])
    (paragraph,) = retraining.paragraphs([path], gather([path]))
    assert paragraph.endswith("reaches RMSE of strength 4.000 on test over 1 seed.")


def test_without_a_test_part_the_mean_is_that_of_the_validation(tmp_path: Path) -> None:
    def script(record: dict[str, Any]) -> dict[str, Any]:
        untested = {name: None if name.startswith("test_") else value for name, value in record["metrics"].items()}
        config = {"script": {"name": "a"}, "lr": record["config"]["lr"], "seed": record["config"]["seed"]}
        return record | {
            "config": config,
            "key": key_of(config),
            "metrics": untested,
            "script": "a.py",
            "test_samples": 0,
        }

    path = sweep(tmp_path, [script(record) for record in GRID])
    lines = ["lr=0.1", "+steps=2", "confirm=0", "retrain=null", "report=False", "seed=0"]
    sweep(path / "retrain", [script(scored(4.0, val=2.0, lr=0.1, seed=0)) | {"overrides": lines}])
    (paragraph,) = retraining.paragraphs([path], gather([path]))
    assert "with steps=2, reaches" in paragraph
    assert paragraph.endswith(" 2.000 on validation over 1 seed.")


@pytest.mark.parametrize("status", ["failed", "diverged"])
def test_a_run_that_did_not_finish_does_not_count(status: str, tmp_path: Path) -> None:
    path = sweep(tmp_path, GRID)
    sweep(path / "retrain", [again(4.0, 0.1, 0), again(4.0, 0.1, 2) | {"status": status, "reason": "broken"}])
    assert "over 1 seed" in retraining.paragraphs([path], gather([path]))[0]
