"""Factors, budgets and data sets against statsmodels, scipy, enumeration and values worked out by hand."""

from itertools import permutations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import friedmanchisquare
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from hpsearch.record.shape import Record
from hpsearch.report import analysis, data_sets, details, expected_best, factors, write
from hpsearch.report.findings import Findings
from hpsearch.report.summary_table import places
from tests.made_records import entry, scored_seeds, seeds, sweep

RANDOM = np.random.default_rng(0)
EFFECT = {("sgd", 0.1): 0.90, ("sgd", 0.01): 0.80, ("adam", 0.1): 0.70, ("adam", 0.01): 0.85}


def grid(n: int = 8) -> list[Record]:
    """sgd is better at 0.1, adam at 0.01; three epochs are a little better than two."""
    return [
        entry(round(value + 0.004 * (epochs == 3) + noise, 3), optimizer=name, lr=lr, epochs=epochs, seed=seed)
        for (name, lr), value in EFFECT.items()
        for epochs in (2, 3)
        for seed, noise in enumerate(RANDOM.normal(0, 0.003, n))
    ]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return analysis.read([sweep(tmp_path_factory.mktemp("factors") / "s", grid())])


def test_the_shares_are_statsmodels(found: Findings) -> None:
    frame = found.runs.frame.rename(columns={"test_accuracy": "y"})
    model = ols("y ~ (C(optimizer) + C(lr) + C(epochs)) ** 2", frame).fit()
    expected = anova_lm(model).sum_sq
    shares = factors.shares(found.runs, found.table)
    assert list(shares.part) == [
        "optimizer", "lr", "epochs", "optimizer × lr", "optimizer × epochs", "lr × epochs", factors.REST,
    ]  # fmt: skip
    assert list(shares.share) == pytest.approx(list(expected / expected.sum()))
    assert shares.share.sum() == pytest.approx(1)


def test_an_effect_is_the_mean_over_the_cells_of_each_seed(found: Findings) -> None:
    effects = factors.effects(found.runs, found.table).set_index("key")
    frame = found.runs.frame.pivot_table(index="seed", columns="epochs", values="test_accuracy")
    by_hand = frame[3] - frame[2]
    row = effects.loc["epochs"]
    assert (row.best, row.other, row.cells, row.n) == (3, 2, 4, 8)
    assert row.difference == pytest.approx(by_hand.mean())
    assert row.se == pytest.approx(by_hand.sem())
    assert row.p_holm >= row.p


def test_an_order_that_turns_around_is_found(found: Findings) -> None:
    turned = factors.reversals(found.runs, found.table)
    assert set(zip(turned.key, turned.by, strict=True)) == {("optimizer", "lr"), ("lr", "optimizer")}
    row = turned[turned.key == "optimizer"].iloc[0]
    assert {row.here, row.there} == {0.1, 0.01}
    assert row.difference_here * row.difference_there < 0
    at = found.runs.frame.pivot_table(index="lr", columns="optimizer", values="test_accuracy")
    assert row.difference_here == pytest.approx(at.loc[row.here, row.one] - at.loc[row.here, row.other])


def test_noise_turns_no_order_around(tmp_path: Path) -> None:
    noise = [
        entry(round(0.8 + RANDOM.normal(0, 0.01), 3), optimizer=name, lr=lr, seed=seed)
        for name, lr, seed in product(("sgd", "adam"), (0.1, 0.2, 0.3), range(5))
    ]
    found = analysis.read([sweep(tmp_path / "s", noise)])
    assert factors.reversals(found.runs, found.table).empty


def test_a_grid_with_a_hole_has_effects_of_what_is_paired_and_no_shares(tmp_path: Path) -> None:
    entries = [*seeds([0.9, 0.91], lr=0.1), *seeds([0.8, 0.82], lr=0.2), *seeds([0.7, 0.7], lr=0.1, optimizer="adam")]
    found = analysis.read([sweep(tmp_path / "s", entries)])
    assert factors.shares(found.runs, found.table).empty
    effects = factors.effects(found.runs, found.table)
    assert list(effects.key) == ["optimizer", "lr"]
    assert list(effects.difference) == pytest.approx([0.205, 0.095])


def test_a_key_by_itself_is_the_best_over_the_rest(found: Findings) -> None:
    alone = factors.isolation(found.table, "lr")
    assert list(alone.lr) == [0.1, 0.01]
    best = found.table.groupby("lr").val_mean.max()
    assert list(alone.val_mean) == pytest.approx([best[0.1], best[0.01]])


# what a budget buys


def test_the_expected_best_is_the_mean_over_all_orders() -> None:
    validation, test = [0.3, 0.9, 0.5, 0.9, 0.1], [0.2, 0.7, 0.6, 0.8, 0.1]
    table = pd.DataFrame({"score": validation, "val_mean": validation, "test_mean": test})
    found = expected_best.expected_best(table)
    orders = [*permutations(range(5))]
    for k in range(1, 6):
        best = [max(order[:k], key=lambda i: validation[i]) for order in orders]
        row = found.iloc[k - 1]
        assert row.configurations == k
        assert row.validation == pytest.approx(np.mean([validation[i] for i in best]))
        assert row.test == pytest.approx(np.mean([test[i] for i in best]), abs=1e-9)
        reached = np.sort([validation[i] for i in best])
        assert row.low == reached[int(np.ceil(0.1 * len(orders))) - 1]
        assert row.high == reached[int(np.ceil(0.9 * len(orders))) - 1]


def test_a_thousand_configurations_overflow_nothing() -> None:
    chance = expected_best.chances(1000)
    assert chance.sum(1) == pytest.approx(np.ones(1000))
    assert chance[0] == pytest.approx(np.full(1000, 0.001))


def test_more_tries_are_told_from_a_better_value(tmp_path: Path) -> None:
    """adam has the best of nine, sgd of one; at one configuration they are alike."""
    entries = [entry(0.5 + i / 100, optimizer="adam", lr=0.1 + i) for i in range(9)]
    found = analysis.read([sweep(tmp_path / "s", [*entries, entry(0.54, optimizer="sgd", lr=0.1)])])
    budget = expected_best.budgets(found.table, "optimizer").set_index(["optimizer", "configurations"])
    assert budget.validation["adam", 1] == pytest.approx(budget.validation["sgd", 1])
    assert budget.validation["adam", 9] == pytest.approx(0.58)
    beside = expected_best.beside_chance(found.runs, found.table)
    assert list(beside.searched[:3]) == pytest.approx([0.50, 0.51, 0.52])


def test_what_is_not_known_to_the_end_is_left_out_of_a_budget_and_that_is_said(tmp_path: Path) -> None:
    """A pruned configuration was tried, too, so that no budget of the others is right; a failed one is counted."""
    entries = [entry(0.5 + i / 100, optimizer=name, lr=0.1 + i) for i in range(3) for name in ("adam", "sgd")]
    said = {}
    for status in ("failed", "pruned"):
        last = entry(0.2 if status == "pruned" else None, optimizer="sgd", lr=9.0, status=status)
        found = analysis.read([sweep(tmp_path / status, [*entries, last])])
        said[status] = {one.title: one.text for one in details.sections(found)}
    budget = "What a budget buys: optimizer"
    assert said["failed"][budget].endswith(
        "1 configuration without a finished run left out: small budgets look too good."
    )
    assert budget not in said["pruned"]


def test_the_best_of_an_error_is_the_lowest(tmp_path: Path) -> None:
    entries = [*scored_seeds([4.0], lr=0.1), *scored_seeds([2.0], lr=0.2), *scored_seeds([3.0], lr=0.3)]
    found = analysis.read([sweep(tmp_path / "s", entries)])
    budget = expected_best.beside_chance(found.runs, found.table)
    assert list(budget.validation) == pytest.approx([3.0, (2 + 2 + 3) / 3, 2.0])
    assert (budget.low <= budget.high).all()
    assert list(budget.searched) == [4.0, 2.0, 2.0]


def test_the_tables_are_in_the_verdict(found: Findings, tmp_path: Path) -> None:
    made = {section.title: section for section in details.sections(found)}
    assert list(made) == [
        "Which keys matter", "Each key by itself", "The best for each value", "Orders that turn around",
        "What a budget buys: optimizer",
    ]  # fmt: skip
    alone, numbers = made["The best for each value"], places(found.table)
    best = found.table[found.table.lr == 0.01].score.idxmax()
    place = alone.table[(alone.table.key == "lr") & (alone.table.value == "0.01")].index[0]
    assert (alone.rows[place], alone.table["with"][place]) == (
        [numbers[best]],
        "optimizer=adam epochs=3",
    )
    turned = made["Orders that turn around"].table.set_index("compared")
    row = turned.loc["sgd minus adam"]
    assert (row.here.startswith("lr=0.1: +"), row.there.startswith("lr=0.01: -")) == (True, True)
    budget = made["What a budget buys: optimizer"].table
    assert list(budget.configurations) == ["1", "2", "3", "4"] * 2
    write.write(found, tmp_path, [*made.values()])
    text = (tmp_path / "verdict.md").read_text()
    assert all(f"## {title}" in text for title in made)


# several data sets


def test_the_critical_difference_is_demsars() -> None:
    """Demšar (2006): q = 2.569 for four classifiers, and 1.25 on 14 data sets."""
    assert data_sets.critical(14, 4) == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), abs=1e-3)


def test_friedmans_test_is_scipys_in_the_form_of_iman_and_davenport() -> None:
    ranks = RANDOM.normal(size=(14, 4)).argsort(1).argsort(1) + 1.0
    n, k = ranks.shape
    chi = friedmanchisquare(*ranks.T).statistic
    from scipy.stats import f

    assert data_sets.friedman(ranks) == pytest.approx(
        f.sf((n - 1) * chi / (n * (k - 1) - chi), k - 1, (k - 1) * (n - 1))
    )


def test_the_winner_that_holds_on_all_data_sets_is_named(tmp_path: Path) -> None:
    made = [
        one
        for i, data in enumerate(("mnist", "fashion", "digits"))
        for name, value in (("adam", 0.9), ("sgd", 0.8))
        for one in seeds([value - 0.1 * i] * 2, data=data, optimizer=name)
    ]
    found = analysis.read([sweep(tmp_path / "s", made)])
    ranks = data_sets.rank(found.runs, found.table)
    assert ranks is not None
    assert (ranks.holds, list(ranks.means)) == ("optimizer=adam", [1.0, 2.0])
    assert data_sets.sentence(ranks) == (
        "optimizer=adam is best on each of 3 data sets. Its mean rank is 1.00 ahead of optimizer=sgd: less than the "
        "critical difference of 1.13 (Nemenyi)."
    )
    alone = analysis.read([sweep(tmp_path / "t", seeds([0.9, 0.8], lr=0.1))])
    assert data_sets.rank(alone.runs, alone.table) is None
