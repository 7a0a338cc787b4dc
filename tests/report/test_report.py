"""From a folder of records to tables, a verdict and a page: what is counted, what is left out, what is said."""

import html
import io
import json
import math
import random
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from rich.console import Console

from hpsearch import formatting
from hpsearch.formatting import duration, p_value, percent, points
from hpsearch.record.file import load_record, write_record
from hpsearch.report import __main__ as command_line
from hpsearch.report import analysis, search_figures, summary_json, summary_table, tables, write
from hpsearch.report.figure_style import line_style
from hpsearch.report.findings import Findings
from hpsearch.report.learning_curves import curves
from hpsearch.report.summary_table import label
from hpsearch.report.verdict_text import comparisons
from tests.made_records import entry, seeds, sweep

HIGH = [0.900, 0.904, 0.902, 0.906, 0.901, 0.903, 0.905, 0.902, 0.904, 0.903]
LOW = [0.880, 0.884, 0.881, 0.886, 0.882, 0.883, 0.885, 0.880, 0.884, 0.885]


def grid(path: Path) -> Path:
    """Two optimizers by two learning rates, ten seeds: one tie, two that are worse, one of them with a lost seed."""
    close = [value + 0.001 * (-1) ** i for i, value in enumerate(HIGH)]
    lost = [entry(None, status="diverged", optimizer="adam", lr=0.01, seed=9)]
    return sweep(
        path,
        [
            *seeds(HIGH, optimizer="sgd", lr=0.1),
            *seeds(close, val=0.90, optimizer="adam", lr=0.1),
            *seeds(LOW, optimizer="sgd", lr=0.01),
            *seeds(LOW[:9], optimizer="adam", lr=0.01),
            *lost,
        ],
    )


# what is counted


def test_means_and_spreads_are_those_worked_out_by_hand(tmp_path: Path) -> None:
    found = analysis.read([sweep(tmp_path / "s", [*seeds([0.80, 0.90], lr=0.1), *seeds([0.50], lr=0.2)])])
    (first, second) = (found.table.loc[c] for c in found.table.index)
    assert (first.n, first.finished, first.test_mean) == (2, 2, pytest.approx(0.85))
    assert first.test_std == pytest.approx(0.1 / math.sqrt(2))
    assert first.test_mean - first.test_low == pytest.approx(12.7062 * 0.05, rel=1e-5)  # t of 0.975, 1 degree
    assert first.test_high == 1.0  # where accuracy ends
    assert first.test_se == pytest.approx(math.sqrt(0.85 * 0.15 / 1000))
    assert second.n == 1
    assert math.isnan(second.test_std)


def test_lost_seeds_are_counted_and_never_averaged(tmp_path: Path) -> None:
    found = analysis.read([grid(tmp_path / "s")])
    row = found.table[(found.table.optimizer == "adam") & (found.table.lr == 0.01)].iloc[0]
    assert (row.n, row.finished, row.diverged) == (10, 9, 1)
    assert row.test_mean == pytest.approx(sum(LOW[:9]) / 9)
    assert "(9/10)" in tables.markdown(found.display)


def test_the_order_of_files_and_folders_changes_nothing(tmp_path: Path) -> None:
    entries = [*seeds(HIGH, lr=0.1), *seeds(LOW, lr=0.01), *seeds(LOW, lr=0.001)]
    one = analysis.read([sweep(tmp_path / "one" / "s", entries)])
    shuffled = entries[:]
    random.Random(0).shuffle(shuffled)
    other = analysis.read([sweep(tmp_path / "other" / "s", shuffled)])
    assert one.paragraphs == other.paragraphs
    columns = ["lr", *summary_table.columns(one.runs)]
    sorted_tables = [f.table[columns].sort_values("lr").reset_index(drop=True) for f in (one, other)]
    pd.testing.assert_frame_equal(*sorted_tables, rtol=1e-12)
    a, b = sweep(tmp_path / "a", entries[:10]), sweep(tmp_path / "b", entries[10:])
    forth, back = (analysis.read(order) for order in ([a, b], [b, a]))
    assert forth.paragraphs == back.paragraphs
    pd.testing.assert_frame_equal(forth.table, back.table)


def test_only_what_differs_is_a_column(tmp_path: Path) -> None:
    adam, svc = {"name": "adam", "eps": 1e-8}, {"name": "svc", "C": 10}
    entries = [
        entry(0.8),
        entry(0.9, optimizer=adam),
        entry(0.9, optimizer=adam | {"eps": 1e-4}),
        entry(0.7, architecture=svc),
    ]
    found = analysis.read([sweep(tmp_path / "s", entries)])
    assert found.runs.swept == ["architecture", "optimizer", "optimizer.eps"]


def test_1_and_1_point_0_are_one_configuration(tmp_path: Path) -> None:
    found = analysis.read([sweep(tmp_path / "s", [entry(0.8, lr=1, seed=0), entry(0.8, lr=1.0, seed=1)])])
    assert list(found.table.n) == [2]


# what is left out


def broken(path: Path, name: str, text: str) -> None:
    (path / name).mkdir()
    (path / name / "record.json").write_text(text)


def test_what_cannot_be_used_is_named_in_one_line_each(tmp_path: Path) -> None:
    path = sweep(tmp_path / "s", seeds(HIGH[:2]))
    good = seeds(HIGH)[5]
    broken(path, "002_00000000", '{"schema": 1, "sta')
    broken(path, "003_00000000", json.dumps(good | {"schema": 7}))
    broken(path, "004_00000000", json.dumps(good | {"metrics": good["metrics"] | {"test_accuracy": None}}))
    broken(path, "005_00000000", json.dumps({"loss": 3}))
    broken(path, "006_00000000", json.dumps({key: value for key, value in good.items() if key != "test_batches"}))
    broken(path, "007_00000000", json.dumps(seeds(HIGH[:2])[1]))
    broken(path, "008_00000000", json.dumps(seeds([0.1])[0]))
    (path / "009_abcdef01").mkdir()
    found = analysis.read([path])
    assert len(found.runs.frame) == 2
    expected = [
        "s/002_00000000: left out: not readable as JSON",
        "s/003_00000000: left out: schema=7, this version of hpsearch reads schema=1 and 2",
        "s/004_00000000: left out: metrics.test_accuracy: must be a number of a finished run",
        "s/005_00000000: left out: not a record of hpsearch",
        "s/006_00000000: left out: test_batches: is missing",
        "s/007_00000000: left out: the same configuration and seed as s/001_",
        "s/008_00000000: left out: the same configuration and seed as s/000_",
    ]
    for note, start in zip(found.runs.notes, expected, strict=True):
        assert note.startswith(start)
        assert "\n" not in note
    assert "the same results" in found.runs.notes[5]
    assert "OTHER RESULTS" in found.runs.notes[6]
    assert found.runs.missing == ["s/009_abcdef01"]
    assert "1 run missing" in found.size


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("metrics", {"val_accuracy": "0.9"}, "metrics.val_accuracy: must be float | null, got str"),
        ("metrics", {"val_accuracy": 0.9}, "metrics.val_loss: is missing"),
        ("history", {"train_loss": "abc"}, "history[...]: must be array, got str"),
        ("history", {"train_loss": [1.0, {}]}, "history.train_loss[1]: must be float | null, got object"),
        ("history", {"train_loss": [1.0]}, "metrics.train_loss: is not the value of epoch 1 in history.train_loss"),
        ("environment", None, "environment: must be object, got null"),
        ("overrides", "lr=0.1", "overrides: must be array, got str"),
        ("overrides", ["lr=0.1", "hydra.sweep.dir=x"], "overrides[1]: is not allowed there"),
        ("overrides", ["--multirun"], "overrides[0]: is not allowed there"),
        ("overrides", ["lr=0.1\nname=x"], "overrides[0]: is not allowed there"),
        ("reason", [1], "reason: must be str | null, got array"),
        ("lanes", "x", "lanes: must be int, got str"),
        ("seconds", -1.0, "seconds: must be float >= 0.0"),
        ("test_batches", {"size": 256, "correct": [0], "total": [0]}, "test_batches.total[0]: must be int >= 1"),
        ("test_batches", {"size": 256, "correct": [1, 2], "total": [3]}, "test_batches: its lists do not fit together"),
    ],
)
def test_parts_of_another_shape_are_named(tmp_path: Path, part: str, value: Any, words: str) -> None:
    path = sweep(tmp_path / "s", seeds(HIGH[:1]))
    broken(path, "001_00000000", json.dumps(seeds(HIGH)[5] | {part: value}))
    (note,) = analysis.read([path]).runs.notes
    assert note.startswith(f"s/001_00000000: left out: {words}")


def test_values_are_named_as_they_are_typed(tmp_path: Path) -> None:
    nets = [{"name": "mlp", "widths": widths} for widths in (None, [16, 16])]
    nesterov = {"name": "sgd", "nesterov": True}
    switched = [*seeds(HIGH[:2], optimizer=nesterov), *seeds(LOW[:2], optimizer=nesterov | {"nesterov": False})]
    assert "nesterov=true is best" in analysis.read([sweep(tmp_path / "switched", switched)]).paragraphs[0]
    entries = [*seeds(HIGH[:2], architecture=nets[0]), *seeds(LOW[:2], architecture=nets[1], optimizer=nesterov)]
    entries += seeds(LOW[:2], architecture=nets[1], optimizer=nesterov | {"nesterov": False})
    found = analysis.read([sweep(tmp_path / "s", entries)])
    assert found.runs.swept == ["architecture.widths", "optimizer.nesterov"]
    assert [label(row, found.runs.swept) for _, row in found.table.iterrows()] == [
        "architecture.widths=null",
        "architecture.widths=[16,16] optimizer.nesterov=true",
        "architecture.widths=[16,16] optimizer.nesterov=false",
    ]


def test_a_sweep_without_a_finished_run_has_no_winner(tmp_path: Path) -> None:
    found = analysis.read([sweep(tmp_path / "s", [entry(None, status="failed", seed=s) for s in (0, 1)])])
    assert found.verdicts[0].winner is None
    assert found.paragraphs[0] == "No run has finished: there is nothing to judge."
    write.write(found, tmp_path / "out")
    assert "| 0/2 |" in re.sub(" +", " ", (tmp_path / "out" / "table.md").read_text())


# what is said


def test_the_verdict_names_winner_margin_and_evidence(tmp_path: Path) -> None:
    found = analysis.read([grid(tmp_path / "s")])
    assert found.paragraphs[0] == (
        "optimizer=sgd lr=0.1 is best: 90.30 ± 0.18 % on validation over 10 seeds. On test it reaches 90.30 ± 0.18 %, "
        "0.00 points above the next, optimizer=adam [95 % interval -0.08 to +0.08]. Exact tests with Holm's correction "
        "call 2 of the 3 others worse and 1 undecided (p = 1.00 for the next)."
    )
    assert list(found.verdicts[0].others.result) == ["tie", "lower", "lower"]
    assert list(found.verdicts[0].others.p_holm) == pytest.approx([1.0, 3 * 2 / 1024, 2 * 2 / 512])
    assert found.warnings == [
        "lr=0.1 is the largest value tried: the best may lie beyond it.",
        "1 of 40 runs did not finish, in 1 configuration: means are over the others.",
    ]


def test_a_real_difference_is_called_significant(tmp_path: Path) -> None:
    found = analysis.read([sweep(tmp_path / "s", [*seeds(HIGH, lr=0.1), *seeds(LOW, lr=0.01)])])
    assert (
        "The difference is significant: exact test over 10 paired seeds, p = 0.002, effect size d = "
        in found.paragraphs[0]
    )


def test_every_comparison_has_a_row_with_its_interval(tmp_path: Path) -> None:
    noise = [0.004 * (-1) ** i for i in range(10)]
    second = [value - 0.002 + 2 * n for value, n in zip(HIGH, noise, strict=True)]
    third = [value - 0.001 + n for value, n in zip(HIGH, noise, strict=True)]
    entries = [*seeds(HIGH, lr=0.1), *seeds(second, val=0.9, lr=0.2), *seeds(third, val=0.8, lr=0.3)]
    found = analysis.read([sweep(tmp_path / "s", entries)])
    shown = comparisons(found.verdicts[0], found.runs)
    assert list(shown["compared with"]) == ["lr=0.2", "lr=0.3"]
    assert list(shown["difference"]) == ["+0.20", "+0.10"]
    assert shown["95 % interval"][1] == "-0.20 to +0.40"


def test_validation_chooses_even_where_test_disagrees(tmp_path: Path) -> None:
    entries = [*seeds(LOW, val=0.95, lr=0.1), *seeds(HIGH, val=0.85, lr=0.01)]
    found = analysis.read([sweep(tmp_path / "s", entries)])
    assert found.table[found.table.best].lr.item() == 0.1
    assert "there the next is significantly better" in found.paragraphs[0]
    assert "validation and test disagree" in found.paragraphs[0]


def test_five_seeds_are_not_testable_and_it_says_how_many_are(tmp_path: Path) -> None:
    found = analysis.read([sweep(tmp_path / "s", [*seeds(HIGH[:5], lr=0.1), *seeds(LOW[:5], lr=0.01)])])
    assert "With 5 seeds no exact test can reach p = 0.05: it needs 6." in found.paragraphs[0]
    assert "n.s." not in found.paragraphs[0]
    assert found.verdicts[0].ties == set()


def test_eight_comparisons_need_more_seeds_than_one(tmp_path: Path) -> None:
    entries = [one for i in range(9) for one in seeds([value - 0.02 * i for value in HIGH[:8]], lr=0.1 / 2**i)]
    found = analysis.read([sweep(tmp_path / "s", entries)])
    assert set(found.verdicts[0].others.result) == {"not testable"}
    assert "With 8 seeds no exact test of 8 comparisons can reach p = 0.05: it needs 9." in found.paragraphs[0]


def test_what_diverges_on_a_seed_is_not_chosen_and_that_is_said(tmp_path: Path) -> None:
    lucky = [*seeds([0.95] * 5, lr=1.0), entry(None, status="diverged", lr=1.0, seed=5)]
    found = analysis.read([sweep(tmp_path / "s", [*lucky, *seeds(HIGH[:6], lr=0.1)])])
    assert found.table[found.table.best].lr.item() == 0.1
    assert any(
        "lr=1 has the higher mean on validation, 95.00 %, but only 5 of its 6 seeds" in w for w in found.warnings
    )


def test_a_reviewers_warnings(tmp_path: Path) -> None:
    elsewhere = [
        one | {"environment": one["environment"] | {"device_name": "a GPU"}} for one in seeds(LOW[:3], lr=0.01)
    ]
    entries = [*seeds(HIGH[:4], lr=0.1), *elsewhere, *seeds(LOW[:4], lr=0.05)]
    warnings = "\n".join(analysis.read([sweep(tmp_path / "s", entries)]).warnings)
    for words in (
        "lr=0.1 is the largest",
        "has 4 seeds: 5 are the least",
        "have different seeds",
        "Different machines",
    ):
        assert words in warnings


def test_runs_of_several_versions_of_data_are_not_mixed_in_silence(tmp_path: Path) -> None:
    marks: list[dict[str, Any]] = [
        {"data": "a"},
        {},
        {"data": "c"},
    ]
    entries = seeds(HIGH[:3])
    for one, mark in zip(entries, marks, strict=True):
        one["environment"] |= mark
    warnings = analysis.read([sweep(tmp_path / "s", entries)]).warnings
    mixed = "and means mix them: a command of all keys and seeds trains those of another version again."
    assert f"The runs saw 2 versions of the data set digits (1, 1 runs), {mixed}" in warnings


def test_no_dropout_is_not_the_edge_of_a_range(tmp_path: Path) -> None:
    dropout = [{"name": "none", "p": p} for p in (0.0, 0.2)]
    entries = [*seeds(HIGH, dropout=dropout[0]), *seeds(LOW, dropout=dropout[1])]
    assert analysis.read([sweep(tmp_path / "s", entries)]).warnings == []


def test_an_edge_is_one_among_equal_choices(tmp_path: Path) -> None:
    entries = [
        *seeds(HIGH, optimizer="adam", lr=0.01), *seeds(LOW, optimizer="adam", lr=0.001),
        *seeds(LOW, optimizer="sgd", lr=1.0), *seeds(LOW, optimizer="sgd", lr=0.0001),
    ]  # fmt: skip
    (warning,) = analysis.read([sweep(tmp_path / "s", entries)]).warnings
    assert warning.startswith("lr=0.01 is the largest value tried")


def test_data_sets_are_judged_each_by_itself(tmp_path: Path) -> None:
    svc = {"name": "svc"}
    entries = [
        *seeds(HIGH, data="mnist"), *seeds(LOW, data="mnist", architecture=svc),
        *seeds(LOW, data="fashion"), *seeds([value - 0.1 for value in HIGH], data="fashion", architecture=svc),
    ]  # fmt: skip
    path = sweep(tmp_path / "s", entries)
    sweep(path / "confirm", [entry(0.88, data="fashion", seed=10), entry(0.89, data="mnist", seed=10)])
    found = analysis.read([path])
    starts = [f"data={name} architecture=mlp is best: " for name in ("mnist", "fashion")]
    starts += ["architecture=mlp is best on each of 2 data sets. Its mean rank is 1.00 ahead of architecture=svc: less"]
    starts += [f"Run again on 1 fresh seed, data={name} architecture=mlp reaches" for name in ("mnist", "fashion")]
    assert all(said.startswith(start) for said, start in zip(found.paragraphs, starts, strict=True))
    assert [list(verdict.others.p_holm) for verdict in found.verdicts] == [[2 / 1024]] * 2  # no comparison between them
    assert tables.markdown(found.display).count("**") == 4
    assert "Bold: the best on validation of each data set." in found.display.caption
    write.write(found, tmp_path / "out")


# the winner again


def test_the_confirmation_compares_search_and_fresh_seeds(tmp_path: Path) -> None:
    path = sweep(tmp_path / "s", [*seeds(HIGH[:2], lr=0.1), *seeds(LOW[:2], lr=0.01)])
    fresh = [entry(0.89, val=0.898, lr=0.1, seed=2), entry(0.90, val=0.900, lr=0.1, seed=3)]
    used, of_another = entry(0.5, lr=0.1, seed=1), entry(0.6, lr=0.01, seed=4)
    sweep(path / "confirm", [*fresh, used, of_another])
    found = analysis.read([path])
    assert found.paragraphs[1] == (
        "Run again on 2 fresh seeds, lr=0.1 reaches 89.90 ± 0.14 % on validation and 89.50 ± 0.71 % on test. In "
        "the sweep its validation was 90.20 %, 0.30 points higher [95 % interval -0.97 to +1.57]."
    )


# how it is shown


def read_grid(tmp_path: Path, **options: Any) -> Findings:
    return analysis.read([grid(tmp_path / "s")], **options)


def test_an_option_that_follows_from_its_choice_is_not_swept(tmp_path: Path) -> None:
    adam, adamw = ({"name": name, "weight_decay": decay} for name, decay in (("adam", 0.0), ("adamw", 0.01)))
    sweep(tmp_path / "s", [entry(0.9, optimizer=adam), entry(0.8, optimizer=adamw)])
    assert analysis.read([tmp_path / "s"]).runs.swept == ["optimizer"]
    sweep(tmp_path / "t", [entry(0.9, optimizer=adam | {"weight_decay": wd}) for wd in (0.0, 0.1)])
    assert analysis.read([tmp_path / "t"]).runs.swept == ["optimizer.weight_decay"]


def test_best_yaml_names_each_choice_and_no_other_mapping(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "s", [entry(0.9, overrides=("optimizer=mine", "+own.key=1"), own={"key": 1})])
    summary_json.write(analysis.read([folder]), folder)
    best = yaml.safe_load((folder / "best.yaml").read_text())
    names = {"data": "digits", "architecture": "mlp", "optimizer": "sgd", "dropout": None}
    assert best["defaults"] == ["config", *({f"override /{key}": name} for key, name in names.items()), "_self_"]
    assert best["own"] == {"key": 1}


def test_two_swept_keys_make_the_papers_pivot(tmp_path: Path) -> None:
    assert tables.markdown(read_grid(tmp_path).display) == (
        "s: test accuracy in %, mean over 10 seeds ± standard deviation over seeds. Columns: optimizer. Bold: the best "
        "on validation. "
        "≈: not distinguishable from it on test. 9/10: seeds that finished.\n\n"
        "| lr   |              sgd |                adam |\n"
        "|:-----|-----------------:|--------------------:|\n"
        "| 0.1  | **90.30 ± 0.18** |      90.30 ± 0.18 ≈ |\n"
        "| 0.01 |     88.30 ± 0.22 | 88.28 ± 0.22 (9/10) |\n"
    )


def test_a_document_takes_the_latex_table_by_plain_input(tmp_path: Path) -> None:
    text = tables.latex(read_grid(tmp_path).display)
    assert r"0.1 & \textbf{90.30 $\pm$ 0.18} & 90.30 $\pm$ 0.18 $\approx$ \\" in text
    assert r"\toprule" in text
    if not shutil.which("pdflatex"):
        pytest.skip("no pdflatex")
    (tmp_path / "table.tex").write_text(text)
    paper = r"\documentclass{article}\usepackage{booktabs}\begin{document}\input{table}\end{document}"
    (tmp_path / "paper.tex").write_text(paper)
    made = subprocess.run(["pdflatex", "-interaction=nonstopmode", "paper.tex"], cwd=tmp_path, capture_output=True)
    assert made.returncode == 0, made.stdout


def test_three_swept_keys_make_a_long_table_best_first(tmp_path: Path) -> None:
    entries = [*seeds(HIGH[:2]), *seeds(LOW[:2], lr=0.2, epochs=4), *seeds([0.95, 0.95], lr=0.3, optimizer="adam")]
    found = analysis.read([sweep(tmp_path / "s", entries)])
    assert list(found.display.cells) == ["optimizer", "lr", "epochs", "seeds", "validation", "test"]
    assert list(found.display.cells.test) == ["95.00 ± 0.00", "90.20 ± 0.28", "88.20 ± 0.28"]


def test_a_key_that_follows_from_another_makes_no_pivot(tmp_path: Path) -> None:
    entries = [*seeds(HIGH[:2], optimizer="sgd", lr=0.03), *seeds(LOW[:2], optimizer="adam", lr=0.001)]
    display = analysis.read([sweep(tmp_path / "s", entries)]).display
    assert list(display.cells) == ["optimizer", "lr", "seeds", "validation", "test"]


@pytest.mark.parametrize(
    ("options", "headings"),
    [
        ({"rows": ["optimizer"]}, ["optimizer", "lr=0.1", "lr=0.01"]),
        ({"columns": "lr"}, ["optimizer", "lr=0.1", "lr=0.01"]),
        ({"rows": ["lr"], "columns": "optimizer"}, ["lr", "sgd", "adam"]),
    ],
)
def test_rows_and_columns_can_be_chosen(tmp_path: Path, options: dict[str, Any], headings: list[str]) -> None:
    assert list(read_grid(tmp_path, **options).display.cells) == headings


def test_a_key_that_only_some_have_keeps_every_cell(tmp_path: Path) -> None:
    momentum = [{"name": "sgd", "momentum": value} for value in (0.0, 0.9)]
    entries = [*seeds(HIGH[:2], optimizer=momentum[0]), *seeds(LOW[:2], optimizer=momentum[1])]
    path = sweep(tmp_path / "s", [*entries, *seeds([0.85, 0.85], optimizer="adam")])
    found = analysis.read([path], columns="optimizer.momentum")
    assert list(found.display.cells) == ["optimizer", "optimizer.momentum=0", "optimizer.momentum=0.9", "-"]
    assert [list(row) for row in found.display.cells.values] == [
        ["sgd", "90.20 ± 0.28", "88.20 ± 0.28", ""],
        ["adam", "", "", "85.00 ± 0.00"],
    ]
    write.write(found, tmp_path / "out")


@pytest.mark.parametrize(
    ("spread", "cell"),
    [
        ("seed_std", "90.30 ± 0.18"),
        ("interval", "90.30 ± 0.13"),
        ("test_se", "90.30 ± 0.94"),
        ("batch_std", "90.30 ± 0.24"),
    ],
)
def test_what_stands_behind_the_plus_minus_can_be_chosen(tmp_path: Path, spread: str, cell: str) -> None:
    display = read_grid(tmp_path, spread=spread).display
    assert display.cells.sgd[0] == cell
    assert formatting.SPREADS[spread] in display.caption


def test_the_csv_is_unrounded_and_has_the_promised_columns(tmp_path: Path) -> None:
    found = read_grid(tmp_path)
    tables.write(tmp_path, found.display, found.table, found.runs)
    table = pd.read_csv(tmp_path / "table.csv")
    assert list(table) == [
        "optimizer", "lr", "n", "finished", "val_mean", "val_std", "test_mean", "test_std", "test_low", "test_high",
        "test_se", "batch_std",
    ]  # fmt: skip
    assert table.test_mean[0] == pytest.approx(sum(HIGH) / 10, abs=1e-15)


def test_names_are_escaped_for_every_reader(tmp_path: Path) -> None:
    nasty = "<script>alert(1)</script>|a_b&%"
    entries = [
        *seeds(HIGH[:2], optimizer={"name": "sgd", "note": nasty}),
        *seeds(LOW[:2], optimizer={"name": "sgd", "note": "none"}, lr=0.2),
        *seeds(LOW[:2], lr=0.3, data="x"),
    ]
    write.write(analysis.read([sweep(tmp_path / "s", entries)]), tmp_path / "out", figures=True)
    assert (tmp_path / "out" / "index.html").read_text().count("<script") == 2  # the page's own: its data, its code
    assert r"\|a_b" in (tmp_path / "out" / "table.md").read_text()
    assert r"a\_b\&\%" in (tmp_path / "out" / "table.tex").read_text()


def test_ten_thousand_runs_are_cut_to_what_a_person_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = [
        entry(0.5 + i / 1000, lr=0.1 + i, dropout={"name": "none", "p": i / 1000}, epochs=i + 1) for i in range(120)
    ]
    found = analysis.read([sweep(tmp_path / "s", entries)])
    write.show(found, Console(width=120))
    shown = capsys.readouterr().out
    assert shown.count("│") < 50 * 7
    assert "80 more rows are in table.md" in shown


@pytest.mark.parametrize(
    ("mean", "spread", "words"),
    [
        (0.88914, 0.00213, "88.91 ± 0.21"),
        (0.69889, 0.1423, "70 ± 14"),
        (0.36, 0.051, "36.0 ± 5.1"),
        (0.9, 0.0999, "90 ± 10"),
        (0.10012, 0.00016, "10.01 ± 0.02"),  # never more than two decimals
        (0.95, 0.0, "95.00 ± 0.00"),
        (0.95, 1e-17, "95.00 ± 0.00"),
    ],
)
def test_a_mean_and_its_spread_agree_in_digits(mean: float, spread: float, words: str) -> None:
    assert percent(mean, spread) == words


def test_numbers_as_people_read_them() -> None:
    assert percent(0.1, math.nan) == "10.00"
    assert percent(math.nan, math.nan) == "-"
    assert points(-0.0042) == "-0.42"
    assert [p_value(p) for p in (0.00001, 0.0156, 0.31, math.nan)] == ["< 0.001", "0.016", "0.31", "-"]
    assert [duration(s) for s in (0.046, 1.84, 250, 4320)] == ["46 ms", "1.8 s", "4 min 10 s", "1 h 12 min"]


# figures and page


def test_every_figure_is_drawn_and_written_twice(tmp_path: Path) -> None:
    path = grid(tmp_path / "s")
    for name in ("000_", "001_"):
        (run,) = path.glob(f"{name}*")
        write_record(run, load_record(run) | {"seconds": 9.0, "lanes": 1})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "slice_old.png").write_text("of an earlier report")
    (tmp_path / "out" / write.WRITTEN).write_text("slice_old.png\n../s\nof_another_report.csv")
    (tmp_path / "out" / "mine.png").write_text("the user's own")
    (tmp_path / "out" / "winner_of_mine.csv").write_text("the user's own")
    write.write(analysis.read([path]), tmp_path / "out", figures=True)
    pictures = {file.name for file in (tmp_path / "out").glob("*.p[nd][gf]")} - {"mine.png"}
    assert pictures == {
        f"{name}.{kind}" for name in ("curves", "heatmap", "seeds", "slice_lr", "time") for kind in ("png", "pdf")
    }
    assert (tmp_path / "out" / "mine.png").exists()
    assert (tmp_path / "out" / "winner_of_mine.csv").exists()


def test_the_curves_are_means_with_a_band_over_seeds(tmp_path: Path) -> None:
    found = analysis.read([sweep(tmp_path / "s", [*seeds([0.8, 0.9], lr=0.1), *seeds([0.5, 0.5], lr=0.2)])])
    figure = curves(found.runs, found.table)
    assert figure is not None
    loss, accuracy = figure.axes
    assert [list(line.get_ydata()) for line in loss.lines] == [[2.0, 1.0, 0.4]] * 2
    assert accuracy.lines[0].get_ydata()[-1] == pytest.approx(0.85)
    band = accuracy.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min() <= 0.4, band.max()) == (True, pytest.approx(0.85 + 0.1 / math.sqrt(2)))
    assert [text.get_text() for text in figure.legends[0].texts] == ["lr=0.1", "lr=0.2"]


def test_lines_differ_without_their_colour(tmp_path: Path) -> None:
    entries = [one for o in ("a", "b", "c") for lr in (0.1, 0.2, 0.3) for one in seeds([0.8], optimizer=o, lr=lr)]
    found = analysis.read([sweep(tmp_path / "s", entries)])
    figure = curves(found.runs, found.table)
    assert figure is not None
    looks = {(line.get_color(), line.get_linestyle(), str(line._dash_pattern)) for line in figure.axes[0].lines}
    assert len(looks) == 9


def test_28_lines_differ_without_their_markers() -> None:
    looks = [line_style(i) for i in range(28)]
    assert len({(look["color"], str(look["linestyle"])) for look in looks}) == 28


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attributes if name in ("src", "href", "action", "data")]


def test_the_page_stands_alone_and_says_how_it_was_made(tmp_path: Path) -> None:
    path = grid(tmp_path / "s")
    (path / "multirun.yaml").write_text(
        "hydra:\n  overrides:\n    hydra: [hydra.mode=MULTIRUN, hydra.launcher.lanes=4]\n"
        "    task: [experiment=x, 'lr=0.1,0.01']\n  sweeper: {_target_: hydra.BasicSweeper}\n"
        "  job: {config_name: config}\n  runtime: {config_sources: [], cwd: .}\n  launcher: {_target_: x}\n"
    )
    write.write(analysis.read([path]), tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text()
    links = Links()
    links.feed(page)
    assert links.found == []
    assert "url(" not in page
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-" in html.unescape(page)
    for words in (
        "python -m hpsearch -m experiment=x lr=0.1,0.01 hydra.launcher.lanes=4",
        "python -m hpsearch -m lr=0.1 seed=0,1,2,3,4,5,6,7,8,9",
        "c0ffee",
        "2.13.0",
        "the loss became nan in epoch 2",
    ):
        assert words in page


def test_failures_are_listed_with_their_reasons(tmp_path: Path) -> None:
    path = sweep(tmp_path / "s", [*seeds(HIGH[:2], lr=0.1), entry(None, status="diverged", lr=1e30)])
    summary_json.write(analysis.read([path]), path)
    summary = json.loads((path / "summary.json").read_text())
    (failure,) = summary["failures"]
    assert (failure["status"], failure["reason"]) == ("diverged", "the loss became nan in epoch 2")
    assert summary["runs"] == {"finished": 2, "pruned": 0, "diverged": 1, "failed": 0, "missing": 0}


def test_the_study_of_a_search_holds_every_configuration(tmp_path: Path) -> None:
    momentum = {"name": "sgd", "momentum": 0.9}
    lost = entry(None, status="diverged", lr=0.5)
    entries = [
        *seeds([0.8, 0.9], lr=0.1),
        entry(0.7, lr=0.01),
        entry(0.95, optimizer=momentum),
        lost,
        entry(0.6, lr=0.2),
    ]
    found = analysis.read([sweep(tmp_path / "s", entries)])
    trials = search_figures.study(found.runs, found.table).trials
    assert [trial.value for trial in trials] == [pytest.approx(0.85), 0.7, 0.95, None, 0.6]
    assert [trial.params["lr"] for trial in trials] == [0.1, 0.01, 0.1, 0.5, 0.2]


# the command


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "hpsearch.report", *arguments], capture_output=True, text=True)


def test_the_command_prints_and_writes_without_torch_or_hydra(tmp_path: Path) -> None:
    path = grid(tmp_path / "s")
    code = (
        "import sys; from hpsearch.report.__main__ import main; main(); "
        "print(sorted({'torch', 'sklearn', 'hydra', 'omegaconf', 'optuna'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-W", "error", "-c", code, str(path)], capture_output=True, text=True)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "optimizer=sgd lr=0.1 is best" in shown.stdout
    assert shown.stdout.endswith(f"report: {path}/report/index.html\n[]\n")


@pytest.mark.slow
def test_a_terminal_without_unicode_gets_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    shown = run(str(grid(tmp_path / "s")))
    assert shown.returncode == 0, shown.stderr
    assert "90.30 ? 0.18" in shown.stdout


@pytest.mark.slow
def test_several_folders_make_one_report_beside_them(tmp_path: Path) -> None:
    a, b = sweep(tmp_path / "a", seeds(HIGH[:2])), sweep(tmp_path / "b", seeds(LOW[:2], lr=0.2))
    shown = run(str(a), str(b))
    assert shown.returncode == 0, shown.stderr
    assert (tmp_path / "a+b" / "report" / "index.html").exists()
    assert run(str(a), f"{a}/").stdout.endswith(f"report: {a}/report/index.html\n")


def test_wrong_usage_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = grid(tmp_path / "s")
    (run_folder,) = path.glob("000_*")
    (tmp_path / "empty").mkdir()
    (tmp_path / "other" / "0").mkdir(parents=True)
    bare = tmp_path / "bare"
    (bare / "000_12345678").mkdir(parents=True)
    for arguments, words in (
        ([], "the following arguments are required: FOLDER"),
        ([str(tmp_path / "none")], "none: no such folder"),
        ([str(tmp_path / "empty")], "empty: holds no runs of hpsearch; name the folder of a sweep"),
        ([str(tmp_path / "other")], "other: holds no runs of hpsearch"),
        ([str(tmp_path)], "holds no runs of hpsearch; name one of those in it: bare, s"),
        ([str(run_folder)], f"is the folder of one run; name its sweep's, {path}"),
        ([str(bare)], "no run has a record yet (1 run missing)"),
        ([str(path), "--rows", "batch_size"], "--rows=batch_size: not swept here; swept were optimizer, lr"),
        ([str(path), "--columns", "lr", "--rows", "lr"], "--columns=lr: is in --rows too"),
        ([str(path), "--spread", "sem"], "invalid choice: 'sem'"),
    ):
        monkeypatch.setattr(sys, "argv", ["hpsearch.report", *arguments])
        with pytest.raises(SystemExit) as stop:
            command_line.main()
        out, err = capsys.readouterr()
        assert (stop.value.code, out) == (2, "")
        assert words in err
        assert err.startswith("error: ")
        assert err.count("\n") == 1


def test_best_yaml_names_the_file_that_was_typed(tmp_path: Path) -> None:
    data, typed = {"name": "table", "fingerprint": "0123456789"}, ("data=table", "data.path='my tables/x.csv'")
    folder = sweep(tmp_path / "s", [entry(0.9, overrides=typed, data=data)])
    summary_json.write(analysis.read([folder]), folder)
    assert yaml.safe_load((folder / "best.yaml").read_text())["data"] == {"name": "table", "path": "my tables/x.csv"}


def test_a_narrow_terminal_hides_neither_the_values_of_a_long_key_nor_the_rows_names() -> None:
    values = {f"optimizer.weight_decay=1e-0{number}": ["0.0869 ± 0.0050"] for number in (4, 5, 6)}
    cells = pd.DataFrame({"dropout.p": ["0.1"], **values})
    console = Console(width=80, file=io.StringIO())
    tables.show(tables.Display(cells, cells.eq("0.1"), "x", names=1, further=0), console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert "│ 0.1 " in printed
    assert all(value in printed for value in ("=1e-04 ", "=1e-05 ", "=1e-06 "))


def test_a_table_too_wide_for_the_terminal_becomes_several() -> None:
    values = {f"optimizer{number}": [f"49.6{number} ± 0.66"] for number in range(8)}
    cells = pd.DataFrame({"lr": ["0.1"], **values})
    console = Console(width=80, file=io.StringIO())
    tables.show(tables.Display(cells, cells.eq("0.1"), "x", names=1, further=0), console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert printed.count("│ 0.1 │") == 2
    assert all(f" {value[0]} " in printed for value in values.values())
    assert all(len(line) <= 80 for line in printed.splitlines())
