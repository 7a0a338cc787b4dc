"""A grid enters the dashboard's storage as a study of its metric."""

import os
from pathlib import Path

import optuna

from hpsearch.cli import publish as publish_module
from hpsearch.cli.publish import publish
from hpsearch.report import analysis, summary_json
from tests.made_records import scored_seeds, sweep


def test_the_study_of_a_grid_has_the_direction_and_the_values_of_its_metric(tmp_path: Path) -> None:
    path = sweep(tmp_path / "s", [*scored_seeds([5.0, 6.0], lr=0.1), *scored_seeds([4.0, 4.5], lr=0.2)])
    url, ended = f"sqlite:///{tmp_path / 'a.db'}", 1_700_000_000
    for number, folder in enumerate(sorted(path.iterdir())):
        os.utime(folder / "record.json", (ended + 10 * number, ended + 10 * number))
    publish(analysis.read([path]), path, path / "report", url, "s", "python -m hpsearch -m lr=0.1,0.2")
    study = optuna.load_study(study_name="s", storage=url)
    assert (study.direction.name, study.metric_names) == ("MINIMIZE", ["val_rmse"])
    assert (study.best_value, study.best_params) == (4.25, {"lr": 0.2})
    assert study.best_trial.user_attrs["seeds"] == {"0": 4.0, "1": 4.5}
    assert study.best_trial.intermediate_values == {1: 3 * 4.25, 2: 2 * 4.25, 3: 4.25}
    times = [study.best_trial.datetime_start, study.best_trial.datetime_complete]
    assert [time and time.timestamp() for time in times] == [ended + 18, ended + 30]  # runs of 2 s, ended at 20 and 30


def test_a_grid_without_validation_rows_becomes_a_study_without_values(tmp_path: Path) -> None:
    records = [*scored_seeds([5.0, 6.0], lr=0.1), *scored_seeds([4.0, 4.5], lr=0.2)]
    for record in records:
        record["metrics"]["val_rmse"] = None
        record["history"]["val_rmse"] = [None] * len(record["history"]["train_loss"])
    path, url = sweep(tmp_path / "s", records), f"sqlite:///{tmp_path / 'a.db'}"
    publish(analysis.read([path]), path, path / "report", url, "s", "python -m hpsearch -m lr=0.1,0.2")
    trials = optuna.load_study(study_name="s", storage=url).trials
    assert [(trial.value, trial.user_attrs["seeds"], trial.intermediate_values) for trial in trials] == [
        (None, {}, {})
    ] * 2


def test_the_dashboard_enters_what_is_new_and_leaves_the_rest(tmp_path: Path) -> None:
    path = sweep(tmp_path / "s", [*scored_seeds([5.0, 6.0], lr=0.1), *scored_seeds([4.0, 4.5], lr=0.2)])
    (path / "multirun.yaml").write_text(
        "hydra:\n  overrides: {hydra: [], task: ['lr=0.1,0.2']}\n  sweeper: {_target_: hydra.BasicSweeper}\n"
        "  job: {config_name: config}\n  runtime: {config_sources: [], cwd: .}\n  launcher: {_target_: x}\n"
    )
    assert publish_module.enter(tmp_path) == []  # a sweep without results
    summary_json.write(analysis.read([path]), path)
    url = f"sqlite:///{tmp_path / 'hpsearch.db'}"

    def entered() -> dict[str, int]:
        assert publish_module.enter(tmp_path) == []
        return {study.study_name: study._study_id for study in optuna.get_all_study_summaries(url)}

    first = entered()
    assert list(first) == ["s"]
    assert entered() == first  # its number stays, because nothing is new
    os.utime(path / "summary.json", (1, 1))
    assert list(entered()) == ["s"]
