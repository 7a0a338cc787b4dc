"""The weights that a sweep keeps while it runs: those of every configuration that the report may still choose."""

from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.components.metric import METRICS
from hpsearch.engine.result import History, Result
from hpsearch.record.file import write_record
from hpsearch.report import analysis
from hpsearch.task.candidates import Candidates
from hpsearch.task.weights import WEIGHTS
from tests.made_records import entry
from tests.programs import examples

STATUSES = st.sampled_from(["finished", "finished", "finished", "diverged", "pruned", "failed"])
ENDS = st.tuples(STATUSES, st.sampled_from([0.5, 0.6, 0.7]))


def run_of(record: dict[str, Any]) -> Any:
    return SimpleNamespace(config=record["config"], metric=METRICS["accuracy"])


def metrics_of(accuracy: float) -> dict[str, float]:
    return {"val_accuracy": accuracy}


def with_weights(sweep: Path) -> set[str]:
    return {path.parent.name for path in sweep.glob(f"*/{WEIGHTS}")}


@examples(100)
@given(
    ends=st.lists(ENDS, min_size=6, max_size=6),
    order=st.permutations(range(6)),
    resumed=st.integers(0, 6),
)
def test_the_winner_of_the_report_has_its_weights_and_a_loser_has_none(
    ends: list[tuple[str, float]], order: list[int], resumed: int
) -> None:
    """Three configurations of two seeds end in any order; the command is killed and repeated after some of them."""
    with TemporaryDirectory() as folder:
        sweep = Path(folder) / "s"
        entries = []
        for number, (status, value) in enumerate(ends):
            done = value if status == "finished" else None
            overrides = [f"lr={number // 2}", f"seed={number % 2}"]
            made = entry(done, val=value, status=status, lr=number // 2 + 1, seed=number % 2, overrides=overrides)
            entries.append((f"{number:03d}_{made['key'][:8]}", made))
        for part in (order[:resumed], order[resumed:]):
            candidates = Candidates(sweep, seeds=2)
            waiting = [entries[number] for number in order if not (sweep / entries[number][0] / "record.json").exists()]
            for _, made in waiting:
                candidates.begins(run_of(made))
            for number in part:
                name, made = entries[number]
                (sweep / name).mkdir(parents=True)
                status, value = ends[number]
                if status == "finished":
                    (sweep / name / WEIGHTS).touch()
                write_record(sweep / name, made)
                metrics = {"val_accuracy": value}
                result: Any = Result(status, None, History(), 1.0, 1, metrics=metrics)
                candidates.ended(run_of(made), sweep / name, MemoryError() if status == "failed" else result)
        kept = with_weights(sweep)
        (verdict,) = analysis.read([sweep]).verdicts
        finished = {name for number, (name, _) in enumerate(entries) if ends[number][0] == "finished"}
        by_configuration = [{name for name, _ in entries[first : first + 2]} & finished for first in (0, 2, 4)]
        if verdict.winner is None:
            return
        assert by_configuration[verdict.winner] <= kept
        best = verdict.table.loc[verdict.winner]
        for number, names in enumerate(by_configuration):
            complete = not {"failed"} & {status for status, _ in ends[2 * number : 2 * number + 2]}
            row = verdict.table.loc[number]
            sound = int(best.diverged + best.failed) == 0
            worse = row.finished and sound and (row.diverged > 0 or row.val_mean < best.val_mean)
            if complete and worse:
                assert not names & kept
            if not complete:
                assert names <= kept


@pytest.mark.parametrize("alike", [True, False])
def test_values_on_different_data_are_not_compared(tmp_path: Path, alike: bool) -> None:
    candidates = Candidates(tmp_path, seeds=1)
    for number, accuracy in enumerate((0.9, 0.5)):
        data = {"name": "table", "fingerprint": "a" if alike else f"{number}"}
        made, folder = entry(accuracy, data=data, lr=number + 1.0), tmp_path / f"{number:03d}_aaaaaaaa"
        folder.mkdir()
        (folder / WEIGHTS).touch()
        candidates.begins(run_of(made))
        candidates.ended(run_of(made), folder, Result("finished", None, History(), 1, 1, metrics=metrics_of(accuracy)))
    assert len(with_weights(tmp_path)) == (1 if alike else 2)


def test_a_configuration_of_a_search_waits_for_all_seeds_of_its_trial(tmp_path: Path) -> None:
    good, bad = entry(0.9, lr=1.0), entry(0.5, lr=2.0)
    candidates = Candidates(tmp_path, seeds=2)
    for name, made in (("000_aaaaaaaa", good), ("001_bbbbbbbb", bad)):
        (tmp_path / name).mkdir()
        (tmp_path / name / WEIGHTS).touch()
        candidates.begins(run_of(made))
        result = Result("finished", None, History(), 1.0, 1, metrics={"val_accuracy": made["metrics"]["val_accuracy"]})
        candidates.ended(run_of(made), tmp_path / name, result)
    assert with_weights(tmp_path) == {"000_aaaaaaaa", "001_bbbbbbbb"}
