"""A report of any metric: lower may be better, a unit may be that of the target, a name may be unknown."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from hpsearch.record.file import load_record, write_record
from hpsearch.record.frame import run_table, write_runs
from hpsearch.record.measure import Measure
from hpsearch.report import analysis, search_figures, summary_json, tables, write
from hpsearch.report.learning_curves import curves
from hpsearch.report.metric_figures import heatmap, seeds, slice_, time
from hpsearch.report.section import Section
from hpsearch.report.verdict_text import comparisons
from tests import made_records
from tests.made_records import scored, scored_seeds, sweep

GOOD = [4.80, 4.90, 4.85, 4.83, 4.88, 4.79, 4.86, 4.84, 4.91, 4.82]
BAD = [value + 0.5 + 0.01 * (-1) ** i for i, value in enumerate(GOOD)]
FURTHER: dict[str, Any] = {"val_mae": 3.7, "test_mae": 3.8}


def regression(path: Path, **options: Any) -> Path:
    """Two configurations of ten seeds; the first has the lower error."""
    return sweep(path, [*scored_seeds(GOOD, lr=0.1, **options), *scored_seeds(BAD, lr=0.01, **options)])


def test_the_lowest_error_wins_and_the_words_are_its_own(tmp_path: Path) -> None:
    found = analysis.read([regression(tmp_path / "s")])
    assert found.table[found.table.best].lr.item() == 0.1
    assert found.paragraphs == [
        "lr=0.1 is best: RMSE of strength (lower is better) 4.848 ± 0.040 on validation over 10 seeds. On test it "
        "reaches 4.848 ± 0.040, 0.500 below the next, lr=0.01 [95 % interval -0.508 to -0.492]. The difference is "
        "significant: exact test over 10 paired seeds, p = 0.002, effect size d = -47.43."
    ]
    assert list(found.verdicts[0].others.result) == ["higher"]
    assert found.display.caption.startswith("s: RMSE of strength (lower is better), mean over 10 seeds ± standard")
    assert list(found.display.cells.test) == ["4.848 ± 0.040", "5.348 ± 0.045"]
    shown = comparisons(found.verdicts[0], found.runs)
    assert list(shown.iloc[0][["difference", "95 % interval", "the winner is"]]) == [
        "-0.500",
        "-0.508 to -0.492",
        "better",
    ]


def test_an_error_gives_the_numbers_of_the_score_that_is_its_negative(tmp_path: Path) -> None:
    up = {"name": "score", "maximize": True, "unit": ""}
    made = [scored_seeds([-v for v in values], lr=lr, **up) for values, lr in ((GOOD, 0.1), (BAD, 0.01))]
    score = analysis.read([sweep(tmp_path / "up", [*made[0], *made[1]])])
    error = analysis.read([regression(tmp_path / "down")])
    assert list(score.table.best) == list(error.table.best)
    one, other = (found.verdicts[0].others.iloc[0] for found in (score, error))
    assert (one.p, one.p_holm, one.seeds) == (other.p, other.p_holm, other.seeds)
    assert (one.difference, one.effect) == (pytest.approx(-other.difference), pytest.approx(-other.effect))
    assert (one.low, one.high) == (pytest.approx(-other.high), pytest.approx(-other.low))


def test_validation_and_test_may_disagree_about_an_error(tmp_path: Path) -> None:
    entries = [*scored_seeds(BAD, val=4.0, lr=0.1), *scored_seeds(GOOD, val=5.0, lr=0.01)]
    (said,) = analysis.read([sweep(tmp_path / "s", entries)]).paragraphs
    assert said.startswith("lr=0.1 is best")
    assert "0.500 above the next" in said
    assert "there the next is significantly better" in said


def test_the_list_begins_with_the_lowest_error(tmp_path: Path) -> None:
    entries = [scored(value, lr=lr) for value, lr in ((5.0, 0.1), (4.0, 0.2), (6.0, 0.3))]
    found = analysis.read([sweep(tmp_path / "s", entries)])
    assert list(found.display.cells.lr) == ["0.2", "0.1", "0.3"]


def test_a_lower_error_with_a_lost_seed_is_not_chosen(tmp_path: Path) -> None:
    lost = scored(None, status="diverged", lr=1.0, seed=9)
    entries = [*scored_seeds([3.0] * 9, lr=1.0), lost, *scored_seeds(GOOD, lr=0.1)]
    found = analysis.read([sweep(tmp_path / "s", entries)])
    assert found.table[found.table.best].lr.item() == 0.1
    assert any("lr=1 has the lower mean on validation, 3.000, but only 9 of its 10 seeds" in w for w in found.warnings)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ({"name": "r2", "maximize": True, "unit": ""}, "lr=0.01 is best: R² 5.348 ± 0.045 on validation"),
        ({"name": "my_cost", "maximize": False, "unit": ""}, "lr=0.1 is best: my cost (lower is better) 4.848 ± 0.040"),
        ({"name": "my_gain", "maximize": True, "unit": ""}, "lr=0.01 is best: my gain 5.348 ± 0.045 on validation"),
        ({"name": "hit_rate", "maximize": True, "unit": "%"}, "lr=0.01 is best: hit rate 534.8 ± 4.5 % on validation"),
    ],
)
def test_all_that_is_needed_of_a_metric_stands_in_the_record(
    tmp_path: Path, metric: dict[str, Any], words: str
) -> None:
    found = analysis.read([regression(tmp_path / "s", **metric)])
    assert found.paragraphs[0].startswith(words)
    assert "accuracy" not in found.paragraphs[0]


def test_no_word_of_another_metric_is_left(tmp_path: Path) -> None:
    folder = regression(tmp_path / "s")
    found = analysis.read([folder])
    write.write(found, tmp_path / "out")
    summary_json.write(found, folder)
    write_runs(folder, found.runs)
    texts = [
        path for path in (*folder.glob("*.*"), *(tmp_path / "out").iterdir()) if path.suffix not in (".png", ".pdf")
    ]
    assert len(texts) > 5
    shown = {path.name: re.sub(r"(?s)<script.*?</script>", "", path.read_text()) for path in texts}
    assert [name for name, text in shown.items() if "accurac" in text or "percent" in text] == []


def test_files_have_the_columns_of_their_metric(tmp_path: Path) -> None:
    folder = regression(tmp_path / "s", further=FURTHER)
    found = analysis.read([folder])
    tables.write(tmp_path, found.display, found.table, found.runs)
    assert list(pd.read_csv(tmp_path / "table.csv")) == [
        "lr", "n", "finished", "val_mean", "val_std", "test_mean", "test_std", "test_low", "test_high",
        "val_mae_mean", "val_mae_std", "test_mae_mean", "test_mae_std",
    ]  # fmt: skip
    assert list(run_table(found.runs)) == [
        "number", "key", "status", "seed", "lr", "val_rmse", "val_loss", "train_loss", "test_rmse", "test_loss",
        "val_mae", "test_mae", "seconds", "reason", "folder", "data_set", "epochs_trained", "parameters", "commit",
    ]  # fmt: skip
    summary_json.write(found, folder)
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["metric"] == {"name": "rmse", "maximize": False, "unit": "target"}
    (best,) = summary["best"]
    assert (best["value"], best["test_mae_mean"]) == (pytest.approx(4.848), pytest.approx(3.8))


def test_further_metrics_are_columns_of_the_table(tmp_path: Path) -> None:
    shares = {"val_f1": 0.9, "test_f1": 0.875}
    entries = [
        scored(value + i / 100, lr=lr, optimizer=name, seed=i, further={"test_mae": 3.0 + i, "val_mae": 2.0, **shares})
        for i in (0, 1)
        for value, lr, name in ((4.8, 0.1, "sgd"), (5.2, 0.1, "adam"), (5.0, 0.2, "sgd"))
    ]
    cells = analysis.read([sweep(tmp_path / "s", entries)]).display.cells
    assert list(cells) == ["optimizer", "lr", "seeds", "validation", "test", "test MAE", "test F1"]
    assert list(cells.iloc[0]) == ["sgd", "0.1", "2", "4.805 ± 0.007", "4.805 ± 0.007", "3.50 ± 0.71", "87.50 ± 0.00"]


def test_further_metrics_that_are_too_wide_for_the_terminal_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = analysis.read([regression(tmp_path / "s", further=FURTHER)])
    write.show(found, Console(width=100))
    assert "test MAE ┃" in capsys.readouterr().out
    write.show(found, Console(width=55))
    shown = capsys.readouterr().out
    assert "test MAE ┃" not in shown
    assert "4.848 ± 0.040 │" in shown
    assert "test MAE: in table.md" in shown


@pytest.mark.parametrize("spread", ["test_se", "batch_std"])
def test_a_spread_of_accuracy_becomes_that_over_seeds(tmp_path: Path, spread: str) -> None:
    folder = regression(tmp_path / "s")
    found = analysis.read([folder], spread=spread)
    assert found.display.cells.equals(analysis.read([folder]).display.cells)
    assert found.warnings[-1] == f"--spread={spread}: only accuracy has it; ± is the standard deviation over seeds."
    assert "± standard deviation over seeds" in found.display.caption


def test_runs_of_another_metric_are_left_out_in_a_line(tmp_path: Path) -> None:
    others = [*made_records.seeds([0.9, 0.8], lr=0.1), scored(1.0, lr=0.5, name="f1", maximize=True, unit="%")]
    folder = sweep(tmp_path / "s", [*others, *scored_seeds(GOOD, lr=0.3)])
    found = analysis.read([folder])
    assert found.runs.measure == Measure("rmse", maximize=False, unit="target", target="strength")
    assert len(found.runs.frame) == len(found.runs.records) == 10
    assert found.runs.notes == [
        "2 runs with metric=accuracy left out: 10 have metric=rmse, and a report judges by one",
        "1 run with metric=f1 left out: 10 have metric=rmse, and a report judges by one",
    ]
    assert [len(found.runs.records_of(c)) for c in found.table.index] == [10]


def test_sweeps_of_both_schemas_make_one_report(tmp_path: Path) -> None:
    accuracy = {"name": "accuracy", "maximize": True, "unit": "%", "target": None}
    new = [scored(value, lr=0.3, seed=seed, **accuracy) for seed, value in enumerate((0.9, 0.8))]
    found = analysis.read([sweep(tmp_path / "old", made_records.seeds([0.7, 0.7])), sweep(tmp_path / "new", new)])
    assert list(found.display.cells.test) == ["85.0 ± 7.1", "70.00 ± 0.00"]
    assert found.runs.notes == []


def test_targets_of_several_names_are_not_named(tmp_path: Path) -> None:
    entries = [
        *scored_seeds(GOOD, lr=0.1, data="concrete"), *scored_seeds(BAD, lr=0.2, data="concrete"),
        *scored_seeds(GOOD, lr=0.1, data="yacht", target="resistance"),
        *scored_seeds(BAD, lr=0.2, data="yacht", target="resistance"),
    ]  # fmt: skip
    found = analysis.read([sweep(tmp_path / "s", entries)])
    assert [said.partition(" 4.8")[0] for said in found.paragraphs[:2]] == [
        f"data={data} lr=0.1 is best: RMSE (lower is better)" for data in ("concrete", "yacht")
    ]


def test_a_finished_run_without_its_metric_is_left_out(tmp_path: Path) -> None:
    path = sweep(tmp_path / "s", scored_seeds(GOOD, lr=0.1))
    (run,) = path.glob("003_*")
    record = load_record(run)
    write_record(run, record | {"metrics": record["metrics"] | {"test_rmse": math.inf}})
    (note,) = analysis.read([path]).runs.notes
    assert note.endswith("left out: metrics.test_rmse: must be a number of a finished run")


def test_a_run_that_failed_may_have_no_metrics(tmp_path: Path) -> None:
    lost = scored(None, status="failed", lr=0.2) | {"metrics": None}
    found = analysis.read([sweep(tmp_path / "s", [*scored_seeds(GOOD, lr=0.1), lost])])
    assert (found.runs.notes, list(found.table.failed)) == ([], [0, 1])


def unvalidated(record: dict[str, Any]) -> dict[str, Any]:
    metrics, history = record["metrics"], record["history"]
    nothing = [None] * len(history["val_rmse"])
    return record | {
        "metrics": metrics | {"val_rmse": None, "val_loss": None},
        "history": history | {"val_rmse": nothing, "val_loss": nothing},
    }


def test_without_a_validation_split_nothing_is_chosen(tmp_path: Path) -> None:
    one = [unvalidated(record) for record in scored_seeds(GOOD, lr=0.1)]
    alone = analysis.read([sweep(tmp_path / "one", one)])
    assert alone.paragraphs == [
        "The configuration: RMSE of strength (lower is better) 4.848 ± 0.040 on test over 10 seeds. There is nothing "
        "to compare it with."
    ]
    two = analysis.read([sweep(tmp_path / "two", [*one, *map(unvalidated, scored_seeds(BAD, lr=0.2))])])
    assert two.paragraphs == ["None of 2 configurations is chosen, because the runs have no validation split."]
    assert list(two.display.cells.test) == ["4.848 ± 0.040", "5.348 ± 0.045"]
    write.write(two, tmp_path / "out")
    assert not list((tmp_path / "out").glob("slice_*"))


@pytest.mark.parametrize(("split", "parts"), [("kfold", "folds"), ("seeded", "splits"), ("uci", "splits")])
def test_folds_are_no_independent_seeds_and_that_is_said(tmp_path: Path, split: str, parts: str) -> None:
    said = analysis.read([regression(tmp_path / "s", split={"name": split})]).warnings
    assert f"The {parts} share training rows, so interval and p are too small (Nadeau and Bengio 2003)." in said
    other = analysis.read([regression(tmp_path / "t", split={"name": "holdout"})]).warnings
    assert "Nadeau" not in "".join(other)


def test_an_error_on_fresh_seeds_is_higher_than_in_the_search(tmp_path: Path) -> None:
    path = regression(tmp_path / "s")
    sweep(path / "confirm", [scored(5.0, val=value, lr=0.1, seed=seed) for seed, value in ((10, 4.9), (11, 5.1))])
    assert analysis.read([path]).paragraphs[1] == (
        "Run again on 2 fresh seeds, lr=0.1 reaches RMSE of strength 5.00 ± 0.14 on validation and 5.000 ± 0.000 on "
        "test. In the sweep its validation was 4.848, 0.152 lower [95 % interval -1.423 to +1.119]."
    )


# figures and page


def axis_labels(figure: Figure | None) -> set[str]:
    assert figure is not None
    return {text for axes in figure.axes for text in (axes.get_xlabel(), axes.get_ylabel())}


def test_figures_name_the_metric_and_star_the_lowest(tmp_path: Path) -> None:
    entries = [
        scored(value + (lr == 0.2), lr=lr, optimizer=name, seconds=value, seed=seed) | {"lanes": 1}
        for name, values in (("sgd", GOOD), ("adam", BAD))
        for lr in (0.1, 0.2)
        for seed, value in enumerate(values[:3])
    ]
    found = analysis.read([sweep(tmp_path / "s", entries)])
    runs, table = found.runs, found.table
    assert "validation RMSE of strength" in axis_labels(curves(runs, table))
    assert "test RMSE of strength" in axis_labels(seeds(runs, table))
    assert "test RMSE of strength" in axis_labels(time(runs, table))
    map_ = heatmap(runs, table, found.layout)
    assert "test RMSE of strength" in axis_labels(map_)
    assert map_ is not None
    (image,) = map_.axes[0].images
    brightness = image.cmap(image.norm(np.array([4.85, 6.35])))[:, :3].sum(1)
    assert brightness[0] > brightness[1]  # a low error is light
    slice_of_lr = slice_(runs, table, "lr")
    assert "validation RMSE of strength" in axis_labels(slice_of_lr)
    assert slice_of_lr is not None
    star = slice_of_lr.axes[0].lines[-1].get_xydata()
    assert np.asarray(star) == pytest.approx(np.array([[0.1, np.mean(GOOD[:3])]]))


def test_one_run_far_off_does_not_hide_the_others(tmp_path: Path) -> None:
    entries = [scored(value, lr=lr, epochs=epochs) for value, lr, epochs in ((4.8, 0.1, 3), (5.0, 0.2, 3), (900, 1, 4))]
    found = analysis.read([sweep(tmp_path / "s", entries)])
    figures = [curves(found.runs, found.table), slice_(found.runs, found.table, "lr")]
    assert [figure.axes[-1].get_yscale() for figure in figures if figure] == ["log", "log"]


def test_the_study_of_an_error_is_minimized(tmp_path: Path) -> None:
    found = analysis.read([regression(tmp_path / "s")])
    study = search_figures.study(found.runs, found.table)
    assert study.best_params == {"lr": 0.1}


def test_a_further_section_has_its_place_on_the_page(tmp_path: Path) -> None:
    def draw() -> Figure:
        figure = Figure()
        figure.subplots().plot([0, 1], [0, 1])
        return figure

    worst = pd.DataFrame({"row": [7], "true": ["<b>"], "predicted": [1.5]})
    chart = {"kind": "lines", "xlabel": "k", "ylabel": "</script>", "series": [{"name": "a", "x": [1, 2], "y": [1, 2]}]}
    drawn = Section("Predicted against true", "Rows of the test split.", draw, chart=chart)
    out = tmp_path / "out"
    write.write(analysis.read([regression(tmp_path / "s")]), out, [drawn, Section("Most wrong", table=worst)], True)
    page = (out / "index.html").read_text()
    assert (out / "winner_predicted_against_true.pdf").exists()
    parts = (
        "<h2>Figures",
        "<h2>Predicted",
        "Rows of the test",
        'data-chart="winner_pre',
        "<h2>Most wrong",
        "&lt;b&gt;",
    )
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
    assert places[-1] < page.index("<h2>Runs")
    assert page.count("</script>") == 2  # the name has ended no element
    write.write(analysis.read([tmp_path / "s"]), out)
    assert not list(out.glob("winner_*"))
