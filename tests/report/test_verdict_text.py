"""The words of a verdict: short enough for a newspaper, whatever the numbers say."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from hpsearch.record.shape import Record
from hpsearch.report import analysis, summary_json
from hpsearch.report.bounds import Bounds, bounds
from hpsearch.report.short_names import short_keys, short_name
from hpsearch.report.verdict_text import comparisons
from tests.made_records import scored_seeds, seeds, sweep

BASE = [0.900, 0.904, 0.902, 0.906, 0.901, 0.903, 0.905, 0.902, 0.904, 0.903]
NOISE = [0.004 * (-1) ** i for i in range(10)]
LOWER = [value - 0.02 for value in BASE]
NOISY = [value + noise for value, noise in zip(BASE, NOISE, strict=True)]
ERRORS = [4.8 + value for value in BASE]


def optimizer(**options: Any) -> dict[str, Any]:
    return {"name": "adamw", **options}


def many(n: int, **options: Any) -> list[Record]:
    shifted = [
        [value - 0.004 * i + noise * (i % 2) for value, noise in zip(BASE, NOISE, strict=True)] for i in range(9)
    ]
    return [one for i in range(9) for one in seeds(shifted[i][:n], lr=0.1 / 2**i, optimizer="adamw", **options)]


CASES = {
    "real": [*seeds(BASE, lr=0.1), *seeds(LOWER, lr=0.01)],
    "undecided": [*seeds(NOISY, lr=0.1), *seeds([value - 0.001 for value in BASE], lr=0.01)],
    "validation and test disagree": [*seeds(LOWER, val=0.95, lr=0.1), *seeds(BASE, val=0.85, lr=0.01)],
    "few seeds": [*seeds(BASE[:3], lr=0.1), *seeds(LOWER[:3], lr=0.01)],
    "one seed": [*seeds(BASE[:1], lr=0.1), *seeds(LOWER[:1], lr=0.01)],
    "many": many(10),
    "many with few seeds": many(5),
    "an error": [*scored_seeds(ERRORS, lr=0.1), *scored_seeds([value + 1 for value in ERRORS], lr=0.01)],
    "many keys": [
        *seeds(BASE, optimizer=optimizer(weight_decay=0.1, eps=1e-8), lr=0.123456, epochs=3, batch_size=128),
        *seeds(LOWER, optimizer=optimizer(weight_decay=0.2, eps=1e-7), lr=0.234567, epochs=4, batch_size=256),
    ],
}


@pytest.mark.parametrize("margin", [None, 0.5, 50])
@pytest.mark.parametrize("case", CASES)
def test_a_verdict_is_three_sentences_of_at_most_25_words(tmp_path: Path, case: str, margin: float | None) -> None:
    found = analysis.read([sweep(tmp_path / "s", CASES[case])], margin=margin)
    sentences = re.split(r"(?<=\.)\s", found.paragraphs[0])
    assert len(sentences) == 3
    assert all(len(line.split()) <= 25 for line in (*sentences, *found.warnings)), (sentences, found.warnings)


def test_a_margin_that_was_asked_for_is_tested(tmp_path: Path) -> None:
    path = sweep(tmp_path / "s", CASES["undecided"])
    asked = analysis.read([path], margin=0.5)
    assert asked.paragraphs[0].endswith("The two are equal within 0.50 points: two one-sided t-tests, p = 0.007.")
    assert "equal within 0.50 points" in list(comparisons(asked.verdicts[0], asked.runs)["the winner is"])
    narrow = analysis.read([path], margin=0.3)
    assert "Which is better is undecided" in narrow.paragraphs[0]
    assert narrow.verdicts[0].others.equal_within.iloc[0] == pytest.approx(0.00344, abs=1e-5)


def test_a_winner_that_is_behind_on_test_would_lose(tmp_path: Path) -> None:
    entries = [*seeds([value - 0.002 for value in NOISY], val=0.93, lr=0.1), *seeds(BASE, lr=0.01)]
    (said,) = analysis.read([sweep(tmp_path / "s", entries)]).paragraphs
    assert said.endswith("about 37 seeds each would decide it with 80 % power, for the next.")


def test_names_are_short_where_they_are_clear() -> None:
    assert short_keys(["optimizer.weight_decay", "lr", "dropout.p", "a.width", "b.width"]) == {
        "optimizer.weight_decay": "weight_decay", "lr": "lr", "dropout.p": "dropout.p",
        "a.width": "a.width", "b.width": "b.width",
    }  # fmt: skip
    swept = ["optimizer", "optimizer.weight_decay", "lr"]
    one = pd.Series(["adamw", 0.1, 0.01], index=swept)
    other = pd.Series(["adamw", 0.2, 0.01], index=swept)
    assert short_name(one, swept) == "optimizer=adamw weight_decay=0.1 lr=0.01"
    assert short_name(other, swept, beside=one) == "weight_decay=0.2"


SEARCH = """
name: s
hydra:
  runtime: {config_sources: [], cwd: .}
  job: {config_name: config}
  overrides: {hydra: [], task: ['momentum=interval(0.0,0.9)', 'width=choice(1,2)', 'dropout.p=0.1']}
  launcher: {_target_: x}
  sweeper:
    _target_: hpsearch.Sweeper
    params: {lr: 'tag(log, interval(0.001, 0.1))', momentum: 'interval(0,1)', decay: 'interval(1e-5,1e-1)'}
    when: {optimizer=sgd: {decay: 'interval(0,1)'}}
"""


def test_the_end_of_a_searchs_space_is_that_of_its_space(tmp_path: Path) -> None:
    """The winner has the largest rate of all that were tried, but the space goes on."""
    path = sweep(tmp_path / "s", [*seeds(BASE, lr=0.05), *seeds(LOWER, lr=0.01)])
    (path / "multirun.yaml").write_text(SEARCH)
    assert bounds([path]) == {"lr": Bounds(0.001, 0.1, True), "momentum": Bounds(0.0, 0.9, False), "decay": None}
    assert analysis.read([path]).warnings == []
    near = sweep(tmp_path / "t", [*seeds(BASE, lr=0.0951), *seeds(LOWER, lr=0.01)])
    (near / "multirun.yaml").write_text(SEARCH)
    assert analysis.read([near]).warnings == ["lr=0.0951 is at the upper end of its space: the best may lie beyond it."]


def test_few_test_rows_are_named_with_wilsons_interval(tmp_path: Path) -> None:
    warnings = analysis.read([sweep(tmp_path / "s", seeds([0.9] * 5, images=40))]).warnings
    kind = "the accuracy on all data of this kind may be anywhere between"
    assert f"With 40 test rows, {kind} 76.95 and 96.04 % (Wilson's 95 % interval)." in warnings


def test_equals_on_validation_are_named_whatever_was_typed_first(tmp_path: Path) -> None:
    for name, order in {"s": (0.1, 0.01), "t": (0.01, 0.1)}.items():
        records = [one for lr in order for one in seeds(BASE if lr == 0.1 else LOWER, val=1.0, lr=lr)]
        found = analysis.read([sweep(tmp_path / name, records)])
        assert found.paragraphs[0].startswith(f"lr={order[0]} is best, with 1 equal: 100.00 ± 0.00 % on validation")
        other = f"lr={order[1]} has the same mean on validation: of equals, the first one tried is named."
        assert found.warnings[0] == other


def test_equality_is_said_by_the_test_that_shows_it(tmp_path: Path) -> None:
    records = [*seeds(BASE, lr=0.1), *seeds(NOISY, val=0.8, lr=0.2), *seeds(LOWER, val=0.7, lr=0.3)]
    path = sweep(tmp_path / "s", records)
    assert (
        analysis.read([path])
        .paragraphs[0]
        .endswith(
            "Exact tests with Holm's correction call 1 of the 2 others worse and 1 undecided (p = 1.00 for the next)."
        )
    )
    assert (
        analysis.read([path], margin=1.0)
        .paragraphs[0]
        .endswith(
            "Exact tests with Holm's correction call 1 of the 2 others worse; "
            "two one-sided t-tests call 1 equal within 1.00 points."
        )
    )
    assert (
        analysis.read([path], margin=9.0)
        .paragraphs[0]
        .endswith("Two one-sided t-tests call 2 of the 2 others equal within 9.00 points (p < 0.001 for the next).")
    )


def test_a_test_is_called_exact_only_where_all_signs_are_counted(tmp_path: Path) -> None:
    for n, name in ((14, "exact test"), (15, "sign-flip test")):
        values = [0.9 + 0.001 * (seed % 5) for seed in range(n)]
        records = [*seeds(values, lr=0.1), *seeds([value - 0.02 for value in values], val=0.8, lr=0.01)]
        assert f"{name} over {n} paired seeds" in analysis.read([sweep(tmp_path / str(n), records)]).paragraphs[0]


def test_an_interval_of_a_share_ends_at_100_percent(tmp_path: Path) -> None:
    found = analysis.read([sweep(tmp_path / "s", seeds([1.0, 1.0, 0.9], lr=0.1))], spread="interval")
    (row,) = found.table.itertuples()
    assert (row.test_high, row.test_low) == (1.0, pytest.approx(0.8232, abs=1e-4))
    assert list(found.display.cells.test) == ["97 ± 14"]


def test_programs_get_every_comparison(tmp_path: Path) -> None:
    path = sweep(tmp_path / "s", CASES["an error"])
    summary_json.write(analysis.read([path]), path)
    (one,) = json.loads((path / "summary.json").read_text())["comparisons"]
    assert (one["configuration"], one["winner_is"], one["test"], one["n"]) == ("lr=0.01", "better", "exact", 10)
    assert (one["difference"], one["p_holm"], one["wins"]) == (pytest.approx(-1), pytest.approx(2 / 1024), 1.0)
    assert one["effect"] is None  # infinite, because all seeds differ alike
