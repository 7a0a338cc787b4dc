"""The progress of sweeps that are written by hand."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hpsearch.record.file import FILE
from hpsearch.record.progress import Progress, Trials
from hpsearch.record.reader import RunReader, job_of, unbegun
from hpsearch.report import progress_text
from hpsearch.report.best_so_far import best
from tests.made_records import entry, scored_seeds, seeds, sweep

NOW = 1_000_000.0


def written(folder: Path, ages: Sequence[float]) -> None:
    """Let the records be so many seconds old."""
    for path, age in zip(sorted(folder.glob(f"*/{FILE}")), ages, strict=True):
        os.utime(path, (NOW - age, NOW - age))


def progress(folder: Path, **options: Any) -> Progress:
    return Progress(folder, NOW, RunReader(folder).runs(), **options)


def failed(reason: str, seed: int) -> dict[str, Any]:
    return entry(None, status="failed", seed=seed, lr=0.5) | {"reason": reason}


def test_a_running_grid_says_first_how_much_is_done_and_how_long_the_rest_will_take(tmp_path: Path) -> None:
    sweep(tmp_path, seeds([0.9, 0.8, 0.7, 0.6]))
    written(tmp_path, [90, 60, 30, 12])
    (tmp_path / "004_00000004").mkdir()
    (tmp_path / "005_00000005").mkdir()
    shown = progress_text.lines(progress(tmp_path, started=NOW - 120, unbegun=2, command="python -m hpsearch -m lr=1"))
    assert shown == [
        f"{tmp_path}: 4 of 8 runs ended, about 2 min 0 s left at 120 runs an hour, last record 12 s ago",
        "best so far  accuracy on validation 75 ± 13 % (4 seeds)",
        "done         runs: 4 finished",
        "no record    2 runs with a folder: in training, waiting, or cut off",
        "no record    2 runs without a folder: not begun",
        "to go on     python -m hpsearch -m lr=1",
    ]


def test_the_rate_is_that_of_the_last_hour(tmp_path: Path) -> None:
    sweep(tmp_path, seeds([0.9, 0.8, 0.7]))
    written(tmp_path, [7300, 7200, 1800])
    assert progress(tmp_path, started=NOW - 9000, unbegun=1).an_hour == 1
    assert progress(tmp_path, started=NOW - 1800, unbegun=1).an_hour == 2
    silent = progress(tmp_path, started=NOW - 60, unbegun=1)
    assert silent.an_hour == 0
    assert progress_text.headline(silent).endswith("3 of 4 runs ended, time left unknown, last record 30 min 0 s ago")


def test_a_sweep_that_is_complete_has_nothing_to_go_on_with(tmp_path: Path) -> None:
    sweep(tmp_path, seeds([0.9]))
    written(tmp_path, [100])
    found = progress(tmp_path, started=NOW - 200, ended=NOW - 90, unbegun=0, command="python -m hpsearch -m")
    assert progress_text.lines(found) == [
        f"{tmp_path}: all 1 run ended, last record 1 min 40 s ago",
        "best  accuracy on validation 90.00 % (1 seed)",
        "done  runs: 1 finished",
    ]


def test_a_sweep_that_was_stopped_says_so(tmp_path: Path) -> None:
    sweep(tmp_path, seeds([0.9]))
    written(tmp_path, [5])
    (tmp_path / "001_00000001").mkdir()
    found = progress(tmp_path, started=NOW - 10, ended=NOW, unbegun=0)
    assert found.over
    shown = progress_text.lines(found)
    assert shown[0] == f"{tmp_path}: 1 of 2 runs ended, the command has stopped, last record 5 s ago"
    assert "no record  1 run with a folder: cut off" in shown


def test_failures_with_one_reason_are_one_line_with_the_folder_of_one(tmp_path: Path) -> None:
    memory = [failed(f"MemoryError: {mib} MiB", seed) for seed, mib in enumerate([12, 7, 12])]
    folder = sweep(tmp_path, [failed("ValueError: no", 9), *memory])
    first = sorted(path.name for path in folder.iterdir())[1]
    shown = progress_text.lines(progress(folder, unbegun=0))
    assert shown[0].startswith(f"{folder}: all 4 runs ended (4 failed)")
    assert f"failed  3 × MemoryError: 12 MiB ({folder / first})" in shown
    assert sum("ValueError: no" in line for line in shown) == 1
    assert "failed  the same command trains them again" in shown


def test_many_reasons_are_cut_off(tmp_path: Path) -> None:
    sweep(tmp_path, [failed(f"ValueError: {'x' * number}", number) for number in range(13)])
    assert "failed  and 3 more" in progress_text.lines(progress(tmp_path))


@pytest.mark.parametrize("content", ["", '{"schema": 2', "[]", "null", "\0", '{"schema": 2, "status": "finished"}'])
def test_a_damaged_record_is_a_line(tmp_path: Path, content: str) -> None:
    folder = sweep(tmp_path, seeds([0.9, 0.8]))
    path = sorted(folder.glob(f"*/{FILE}"))[0]
    path.write_text(content)
    found = progress(folder, unbegun=0)
    assert (found.total, found.left) == (2, 1)
    (line,) = [line for line in progress_text.lines(found) if line.startswith("damaged")]
    assert str(path.parent) in line


def test_a_record_whose_values_have_another_type_is_damaged(tmp_path: Path) -> None:
    folder = sweep(tmp_path, [entry(0.9) | {"metrics": "none"}, entry(0.8, seed=1) | {"overrides": 3}])
    assert len(progress(folder).runs.damaged) == 2


def test_a_record_is_read_again_only_if_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = sweep(tmp_path, seeds([0.9, 0.8]))
    reader = RunReader(folder)
    before = reader.runs().recorded
    sweep(folder / "later", [entry(0.7, seed=1)])
    (later,) = (folder / "later").glob(f"*/{FILE}")
    later.replace(folder / before[1].folder / FILE)
    after = reader.runs().recorded
    assert after[0] is before[0]
    assert after[1].value == 0.7


def test_the_best_configuration_is_that_of_the_report(tmp_path: Path) -> None:
    lost = [*seeds([0.95], lr=0.3), entry(None, status="diverged", lr=0.3, seed=1)]
    runs = [*seeds([0.8, 0.9], lr=0.1), *seeds([0.7, 0.9], lr=0.2), *lost]
    (found,) = best(progress(sweep(tmp_path, runs)).runs.recorded)
    assert (found.label, found.values) == ("lr=0.1", [0.8, 0.9])


def test_the_best_of_a_metric_that_is_minimized_is_the_least(tmp_path: Path) -> None:
    runs = [*scored_seeds([4.0, 5.0], optimizer="sgd"), *scored_seeds([3.0, 4.0], optimizer="adam")]
    shown = progress_text.lines(progress(sweep(tmp_path, runs)))
    assert any("optimizer=adam, RMSE of strength (lower is better) on validation 3.50 ± 0.71" in line for line in shown)


def test_each_data_set_has_its_best(tmp_path: Path) -> None:
    runs = [*seeds([0.9]), *seeds([0.5], data="mnist")]
    found = best(progress(sweep(tmp_path, runs)).runs.recorded)
    assert [each.label for each in found] == ["data=digits", "data=mnist"]


def test_a_search_counts_trials_and_tells_who_evaluates_them(tmp_path: Path) -> None:
    sweep(tmp_path, seeds([0.9]))
    trials = Trials([NOW - 100, NOW - 50], pruned=1, failed=0, running={"there:7": 2}, dead={"here:8": 1})
    shown = progress_text.lines(progress(tmp_path, started=NOW - 200, n_trials=6, trials=trials))
    assert (
        shown[0] == f"{tmp_path}: 2 of 6 trials ended, about 6 min 40 s left at 36 trials an hour, last trial 50 s ago"
    )
    assert "done         runs: 1 finished; 1 trial pruned" in shown
    assert "in training  2 trials by process there:7" in shown
    assert any(line.startswith("in training  1 trial by process here:8, which has ended") for line in shown)


def test_a_search_whose_study_is_not_known_claims_no_end(tmp_path: Path) -> None:
    sweep(tmp_path, seeds([0.9]))
    found = progress(tmp_path, started=NOW)
    assert not found.over
    assert progress_text.headline(found).startswith(f"{tmp_path}: 1 run ended, ")


def test_a_job_without_a_folder_has_not_begun(tmp_path: Path) -> None:
    runs = [entry(0.9, overrides=["--config-dir=/x", "lr=0.1", "seed=0"])]
    folder = sweep(tmp_path, runs)
    begun = folder / "001_00000001" / ".hydra"
    begun.mkdir(parents=True)
    jobs = {job_of(["seed=0", "lr=0.1"]), job_of(["lr=0.1", "seed=1"]), job_of(["lr=0.1", "seed=2"])}
    found = RunReader(folder).runs()
    assert unbegun(jobs, found, folder) == 1  # the folder is one of the two others
    (begun / "overrides.yaml").write_text("- lr=0.1\n- seed=1\n")
    assert unbegun(jobs, found, folder) == 1
    (begun / "overrides.yaml").write_text("- lr=0.3\n- seed=1\n")
    assert unbegun(jobs, found, folder) == 2
