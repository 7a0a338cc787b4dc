"""Sweeps that repeat one another, against numbers worked by hand; which sweeps do."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from hpsearch.errors import UsageError
from hpsearch.record.repeated import labels
from hpsearch.record.shape import Record
from hpsearch.report import analysis, html_page, sections, write
from tests.made_records import entry, scored_seeds, seeds, sweep

OLD = [0.90, 0.91, 0.92, 0.93, 0.94, 0.95]
NEW = [0.91, 0.93, 0.92, 0.95, 0.96, 0.98]  # + 1, 2, 0, 2, 2, 3 points: mean 10 / 6, no sign against it
LOW = [0.80, 0.81, 0.82, 0.83, 0.84, 0.85]


def made_with(records: list[Record], **environment: Any) -> list[Record]:
    return [one | {"environment": one["environment"] | environment} for one in records]


def test_differences_are_paired_by_seed_and_tested_exactly(tmp_path: Path) -> None:
    """Over both configurations a seed's difference is half of the first's: 0.5, 1, 0, 1, 1, 1.5 points. Of 64 ways to
    flip the signs 4 are as far from zero, because a zero has no sign: p = 4 / 64. The mean is 5/6 points, the standard
    deviation √(4/15), so the 95 % interval reaches 2.5706 · √(4/15) / √6 = 0.5419 points to each side."""
    a = sweep(tmp_path / "a", [*seeds(OLD, lr=0.1), *seeds(LOW, lr=0.01)])
    b = sweep(tmp_path / "b", [*seeds(NEW, lr=0.1), *seeds(LOW, lr=0.01)])
    found = analysis.read([a, b])
    assert found.compared is not None
    (change,) = found.compared.changes
    assert (change.runs, change.equal, change.finished, len(change.pairs)) == (12, 7, 2, 1)
    one, over_all = change.pairs.iloc[0], change.over_all
    assert (one.difference, one.p, one.n) == (pytest.approx(1 / 60), 4 / 64, 6)
    assert over_all is not None
    assert over_all.difference == pytest.approx(0.05 / 6)
    assert (over_all.low, over_all.high) == (
        pytest.approx(0.0083333 - 0.005419, abs=1e-6),
        pytest.approx(0.013752, abs=1e-6),
    )
    assert found.paragraphs == [
        "b and a: 7 of 12 common runs are equal bit for bit. Over the 2 common configurations test accuracy of b is "
        "0.83 points above [95 % interval +0.29 to +1.38]. Which is higher is undecided: exact test over 6 paired "
        "seeds, p = 0.062; they are equal within 1.26 points.",
        "On validation both choose lr=0.1.",
        "a and b have the same versions, commit, device, threads, data and code.",
    ]  # fmt: skip
    assert list(found.display.cells.difference) == ["+1.67 (p = 0.062)", "bit for bit"]
    assert list(found.display.cells["bit for bit"]) == ["1/6", "6/6"]


def test_equal_bits_are_said_plainly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [*seeds(OLD, lr=0.1), *seeds(LOW, lr=0.01), entry(None, status="failed", lr=0.01, seed=6)]
    a, b = sweep(tmp_path / "a", records), sweep(tmp_path / "b", made_with(records, device_name="another", threads=4))
    found = analysis.read([a, b])
    assert found.paragraphs == [
        "b repeats a bit for bit: each of the 12 common runs has the same losses and metrics, in every epoch and on "
        "test.",
        "On validation both choose lr=0.1.",
        "Changed from a to b: device a processor (cpu) → another (cpu); threads 2 → 4.",
    ]  # fmt: skip
    assert [(line.value, line.name) for line in found.headlines] == [("12 of 12", "b and a")]
    write.show(found, Console(width=80))
    assert "bit for bit" in capsys.readouterr().out
    write.write(found, tmp_path / "out", sections.sections(found))
    differences = pd.read_csv(tmp_path / "out" / "side_by_side.csv")
    assert list(differences.equal_runs) == [6, 6]
    assert "| device" in (tmp_path / "out" / "verdict.md").read_text()


def test_a_last_bit_of_a_loss_is_a_change_without_another_metric(tmp_path: Path) -> None:
    records = seeds(OLD)
    other = [one | {"metrics": one["metrics"] | {"test_loss": 0.6000000000000001}} for one in records]
    found = analysis.read([sweep(tmp_path / "a", records), sweep(tmp_path / "b", other)])
    assert found.paragraphs[0] == (
        "b and a: none of 6 common runs is equal bit for bit. On test all have the same accuracy."
    )
    assert list(found.display.cells.difference) == ["the same"]


def test_a_run_that_ended_in_another_way_is_told(tmp_path: Path) -> None:
    pruned = entry(None, val=0.4, status="pruned", lr=0.2)
    a = sweep(tmp_path / "a", [*seeds(OLD, lr=0.1), pruned])
    b = sweep(tmp_path / "b", [*seeds(OLD, lr=0.1), entry(0.8, lr=0.2)])
    found = analysis.read([a, b])
    assert found.paragraphs[0] == "b and a: 6 of 7 common runs are equal bit for bit; 1 ended in another way."
    assert found.display.cells.to_numpy().tolist()[1][:4] == ["0.2", "pruned (0/1)", "80.00 (1)", "-"]


def test_changed_code_and_a_changed_file_are_no_other_configuration(tmp_path: Path) -> None:
    def of(accuracies: list[float], mark: str, fingerprint: str) -> list[Record]:
        data = {"name": "table", "fingerprint": fingerprint}
        typed = ["data=table", "data.path=rows.csv"]
        return seeds(accuracies, data=data, code={"activation": mark}, overrides=typed)

    first, second = of(OLD, "aaaaaaaa", "0" * 16), of(NEW, "bbbbbbbb", "1" * 16)
    found = analysis.read([sweep(tmp_path / "a", first), sweep(tmp_path / "b", made_with(second, data="other"))])
    assert found.compared is not None
    assert (len(found.compared.rows), found.compared.keys) == (1, [])
    assert (
        found.paragraphs[-1] == "Changed from a to b: code of activation aaaaaaaa → bbbbbbbb; data rows.csv - → other."
    )


def test_three_sweeps_and_configurations_of_one_alone(tmp_path: Path) -> None:
    a = sweep(tmp_path / "a", [*scored_seeds([4.0, 5.0, 6.0], lr=0.1), *scored_seeds([7.0, 8.0, 9.0], lr=0.3)])
    b = sweep(tmp_path / "b", scored_seeds([4.0, 5.0, 6.0], lr=0.1))
    c = sweep(tmp_path / "c", [*scored_seeds([3.0, 5.0, 4.0], lr=0.1), *scored_seeds([1.0, 1.0, 1.0], lr=0.2)])
    found = analysis.read([a, b, c], margin=5.0)
    assert found.compared is not None
    assert [(change.sweep, change.runs, change.equal) for change in found.compared.changes] == [
        ("b", 3, 3),
        ("c", 3, 1),
    ]
    assert found.paragraphs[1:3] == [
        "c and a: 1 of 3 common runs is equal bit for bit. Test RMSE of strength of c (lower is better) is 1.000 below "
        "[95 % interval -3.484 to +1.484]. The two are equal within 5.000: two one-sided t-tests, p = 0.010.",
        "On validation, a and b choose lr=0.1; c chooses lr=0.2.",
    ]  # fmt: skip
    assert found.paragraphs[-2:] == [
        "Only in a: 1 configuration (lr=0.3).",
        "Only in c: 1 configuration (lr=0.2).",
    ]
    page = html_page.render(found, sections.sections(found))
    assert page.count('<td class="best">') == 3


def test_a_grid_in_several_folders_and_one_baseline_in_both_is_one_table(tmp_path: Path) -> None:
    baseline = seeds(OLD, lr=0.1)
    a = sweep(tmp_path / "a", [*baseline, *seeds(LOW, lr=0.2)])
    b = sweep(tmp_path / "b", [*baseline, *seeds(LOW, lr=0.3)])
    found = analysis.read([a, b])
    assert (found.compared, found.runs.swept, list(found.table.n)) == (None, ["lr"], [6, 6, 6])
    more_seeds = sweep(tmp_path / "c", [entry(0.9, lr=0.1, seed=seed) for seed in (6, 7)])
    assert list(analysis.read([a, more_seeds]).table.n) == [8, 6]


def test_the_first_that_was_named_is_the_one_compared_with(tmp_path: Path) -> None:
    old, new = sweep(tmp_path / "z", seeds(OLD)), sweep(tmp_path / "a", seeds(NEW))
    assert analysis.read([old, new]).headlines[0].value == "+1.67 points"
    assert analysis.read([new, old]).headlines[0].value == "-1.67 points"
    with pytest.raises(UsageError, match="--columns=lr: leave it out, because these sweeps repeat one another"):
        analysis.read([old, new], columns="lr")


def test_a_sweep_may_have_the_name_of_a_key(tmp_path: Path) -> None:
    records = [*seeds(OLD, lr=0.1), *seeds(LOW, lr=0.2)]
    found = analysis.read([sweep(tmp_path / "lr", records), sweep(tmp_path / "difference", records)])
    assert list(found.display.cells)[:4] == ["lr", "sweep=lr", "sweep=difference", "difference"]
    assert list(found.display.cells.lr) == ["0.1", "0.2"]
    write.write(found, tmp_path / "out", sections.sections(found))


def test_sweeps_of_one_name_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    ann, ben = (tmp_path / who / "multirun" / "quickstart" for who in ("ann", "ben"))
    assert labels([ann, ben]) == {ann: "ann", ben: "ben"}
    assert labels([ann, ben, tmp_path / "x"])[ann] == "ann/multirun/quickstart"
    assert labels([ann, ann / "quickstart"])[ann] == str(ann)
    sweep(ann, seeds(OLD, lr=0.1))
    shutil.copytree(ann, ben)
    assert analysis.read([ann, ben]).paragraphs[0].startswith("ben repeats ann bit for bit")
    assert write.place([ann, ben]) == ann.parent / "ann+ben" / "report"
