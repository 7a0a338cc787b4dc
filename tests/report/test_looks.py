"""Looking again: the sequential test in simulated sweeps, and the ledger in a real folder."""

import json
from pathlib import Path

import numpy as np
import pytest

from hpsearch.report import analysis, looks, sequential
from hpsearch.report.analysis import note_looks
from hpsearch.report.looks import FILE
from hpsearch.report.verdict_text import comparisons
from tests.made_records import seeds, sweep

RANDOM = np.random.default_rng(0)
BASE = [0.900, 0.904, 0.902, 0.906, 0.901, 0.903, 0.905, 0.902, 0.904, 0.903] * 2
NOISE = [0.004 * (-1) ** i for i in range(20)]


def test_looking_after_every_seed_errs_in_at_most_5_percent() -> None:
    """10,000 sweeps without a difference, judged after each of 60 seeds: whatever the shape and spread of the noise."""
    spread = np.exp(RANDOM.normal(size=60))
    for noise in (RANDOM.normal(size=(10000, 60)), RANDOM.standard_t(2, (10000, 60)) * spread):
        assert (sequential.p_values(noise)[:, -1] <= 0.05).mean() <= 0.05


def test_a_real_difference_is_found() -> None:
    found = sequential.p_values(RANDOM.normal(1, 1, (2000, 30)))[:, -1] <= 0.05
    assert found.mean() > 0.95


def test_the_capital_is_a_martingale() -> None:
    """Its mean over all signs of the same sizes is 1, worked out without the module: the source's own form."""
    sizes = np.array([0.3, 1.0, 0.2, 2.0])
    signs = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1).T
    rms = np.sqrt((sizes**2).cumsum() / np.arange(1, 5))
    capital = np.mean(
        [
            np.exp(stake * signs * sizes / rms).prod(1) / np.cosh(stake * sizes / rms).prod()
            for one in sequential.STAKES
            for stake in (one, -one)
        ],
        axis=0,
    )
    assert capital.mean() == pytest.approx(1)
    assert sequential.p_values(signs * sizes)[:, -1].min() == pytest.approx(1 / capital.max())


def test_neither_unit_nor_direction_matter_and_no_difference_is_no_evidence() -> None:
    differences = RANDOM.normal(0.5, 1, 20)
    p = sequential.p_value(differences)
    assert sequential.p_value(-1000 * differences) == pytest.approx(p)
    assert sequential.p_value(np.zeros(9)) == 1.0
    assert [sequential.least_seeds(comparisons) for comparisons in (1, 8)] == [6, 10]


def undecided(path: Path, n: int) -> Path:
    close = [value - 0.001 + noise for value, noise in zip(BASE, NOISE, strict=True)]
    folder = sweep(path, [*seeds(BASE[:n], lr=0.1), *seeds(close[:n], lr=0.01)])
    return folder


def more(path: Path, n: int) -> Path:
    """The same sweep, with its ledger, on n seeds."""
    ledger = (path / FILE).read_text()
    again = undecided(path.with_name(f"{path.name}{n}"), n)
    (again / FILE).write_text(ledger)
    return again


def test_the_first_look_is_exact_and_a_later_one_sequential(tmp_path: Path) -> None:
    first = analysis.read([undecided(tmp_path / "s", 10)])
    assert "exact test over 10 paired seeds" in first.paragraphs[0]
    note_looks(first)
    same = analysis.read([tmp_path / "s"])
    assert same.paragraphs == first.paragraphs
    note_looks(same)
    assert len(looks.read(tmp_path / "s")["digits"]) == 1
    second = analysis.read([more(tmp_path / "s", 20)])
    p = second.verdicts[0].others.p_holm.iloc[0]
    assert second.paragraphs[0].endswith(f"sequential test over 20 paired seeds, p = {p:.2f}.")
    for made, there in ((first, True), (second, False)):  # seeds needed are those of the exact test
        assert ("seeds needed" in comparisons(made.verdicts[0], made.runs)) is there
    assert second.warnings[1] == (
        "Look 2 on other seeds: a sequential test speaks, because an exact p no longer errs in only 5 %."
    )
    (row,) = second.verdicts[0].others.itertuples()
    differences = [
        value - other
        for value, other in zip(BASE, [v - 0.001 + n for v, n in zip(BASE, NOISE, strict=True)], strict=True)
    ]
    assert row.p == pytest.approx(sequential.p_value(np.array(differences)), rel=1e-6)
    note_looks(second)
    assert [len(look.seeds) for look in looks.read(tmp_path / "s20")["digits"]] == [10, 20]


def test_a_look_that_could_test_nothing_does_not_count(tmp_path: Path) -> None:
    note_looks(analysis.read([undecided(tmp_path / "s", 5)]))
    assert not (tmp_path / "s" / FILE).exists()


def test_seeds_keep_the_order_in_which_they_became_known() -> None:
    earlier = [looks.Look("2026-01-01", [10, 11], "0" * 64), looks.Look("2026-01-02", [3, 10, 11], "1" * 64)]
    found = looks.history(earlier, [1, 3, 10, 11], "0" * 64)
    assert found == looks.History(3, [10, 11, 3, 1], 2)
    assert looks.history(earlier, [11, 10], "0" * 64).number == 1


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"schema": 2, "looks": {}}',
        '{"schema": 1, "looks": {"digits": [{"date": "x", "seeds": [-1], "winner": "0"}]}}',
        '{"schema": 1, "looks": {"digits": [{"date": "x", "seeds": [1], "winner": "<script>"}]}}',
    ],
)
def test_a_damaged_ledger_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert looks.read(tmp_path) == {}


def test_a_damaged_ledger_is_told(tmp_path: Path) -> None:
    path = undecided(tmp_path / "s", 10)
    assert not any("looks.json" in line for line in analysis.read([path]).warnings)
    (path / FILE).write_text("{")
    assert "looks.json is no list of earlier looks: this look counts as the first." in analysis.read([path]).warnings


def test_a_link_is_not_followed_and_a_closed_folder_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, elsewhere = undecided(tmp_path / "s", 10), tmp_path / "elsewhere.json"
    elsewhere.write_text(json.dumps({"schema": 1, "looks": {}}))
    (path / FILE).symlink_to(elsewhere)
    note_looks(analysis.read([path]))
    assert json.loads(elsewhere.read_text()) == {"schema": 1, "looks": {}}
    assert not (path / FILE).is_symlink()
    (path / FILE).unlink()

    def closed(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(looks, "write_text", closed)
    note_looks(analysis.read([path]))
    assert not (path / FILE).exists()
