"""Splits: no row in two of them, all rows used, classes shared out, groups kept together."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, train_test_split

from hpsearch.components.data.load import load
from hpsearch.components.data.raw import Parts, Raw
from hpsearch.components.data.table import raw_of_frame
from hpsearch.components.split import SPLITS, checked, require_all_folds
from hpsearch.components.target import Classes
from hpsearch.errors import UsageError
from tests.tables import penguins, written

CLASSES, NUMBERS = raw_of_frame(penguins()), raw_of_frame(penguins(), "mass")
DRAWN = {
    "holdout": {"validation": 0.25, "test": 30},
    "kfold": {"folds": 4, "test": 0.25},
    "seeded": {"validation": 20, "test": 0.2},
}
EVERY = DRAWN | {"default": {}, "uci": {}}


def parts_of(raw: Raw, name: str, seed: int = 0, /, **options: Any) -> Parts:
    return checked(raw, SPLITS[name](**options)(raw, seed))


def fault_of(raw: Raw, name: str, seed: int = 0, /, **options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        parts_of(raw, name, seed, **options)
    return caught.value.faults[0]


@st.composite
def raws(draw: st.DrawFn) -> Raw:
    frame = penguins(draw(st.integers(60, 200)), draw(st.integers(0, 99)))
    return raw_of_frame(frame, draw(st.sampled_from(["species", "mass"])))


def test_no_split_is_left_out() -> None:
    assert {*EVERY, "given"} == set(SPLITS)


@pytest.mark.parametrize("name", list(EVERY))
@given(raw=raws(), seed=st.integers(0, 30))
def test_each_row_is_in_one_split(name: str, raw: Raw, seed: int) -> None:
    parts = parts_of(raw, name, seed, **EVERY[name])
    assert sorted(np.concatenate(parts)) == list(range(len(raw)))
    assert all(len(rows) > 0 for rows in parts)


@pytest.mark.parametrize("name", list(DRAWN))
@given(rows=st.integers(60, 200), seed=st.integers(0, 30))
def test_classes_have_the_same_share_in_every_split(name: str, rows: int, seed: int) -> None:
    raw = raw_of_frame(penguins(rows))
    for part in parts_of(raw, name, seed, **DRAWN[name]):
        counts = np.bincount(raw.y[part], minlength=3)
        assert counts.max() - counts.min() <= 2


@pytest.mark.parametrize("name", list(DRAWN))
@given(raw=raws(), seed=st.integers(0, 30))
def test_a_group_is_in_one_split(name: str, raw: Raw, seed: int) -> None:
    parts = parts_of(raw, name, seed, group="nest", **DRAWN[name])
    nests = [set(raw.table["nest"].iloc[rows]) for rows in parts]
    assert sum(map(len, nests)) == raw.table["nest"].nunique()
    assert sorted(np.concatenate(parts)) == list(range(len(raw)))


@pytest.mark.parametrize("name", ["holdout", "seeded"])
def test_groups_make_splits_of_about_the_size_that_is_asked_for(name: str) -> None:
    raw = raw_of_frame(penguins(1200))
    train, validation, test = parts_of(raw, name, validation=0.25, test=0.3, group="nest")
    assert len(test) == pytest.approx(360, abs=30)
    assert len(validation) == pytest.approx(210, abs=30)


def test_the_group_is_not_learned_from(tmp_path: Path) -> None:
    options = {"name": "table", "path": written(tmp_path, penguins())}
    nests = penguins().nest.nunique()
    with_nests = load(options, {"name": "holdout"})
    assert load(options, {"name": "holdout", "group": "nest"}).features == with_nests.features - nests


def test_a_drawn_split_is_scikit_learns() -> None:
    rows = np.arange(120)
    for raw, strata in ((CLASSES, CLASSES.y), (NUMBERS, None)):
        rest, test = train_test_split(rows, test_size=0.2, stratify=strata, random_state=3)
        left = None if strata is None else strata[rest]
        expected = (*train_test_split(rest, test_size=0.25, stratify=left, random_state=3), test)
        for ours, theirs in zip(parts_of(raw, "holdout", validation=0.25, seed=3), expected, strict=True):
            assert ours.tolist() == theirs.tolist()
        for ours, theirs in zip(SPLITS["seeded"](validation=0.25)(raw, 3), expected, strict=True):
            assert ours.tolist() == theirs.tolist()


def test_a_table_is_split_by_default_as_by_holdout() -> None:
    for ours, theirs in zip(parts_of(CLASSES, "default"), parts_of(CLASSES, "holdout"), strict=True):
        assert ours.tolist() == theirs.tolist()
    assert [len(rows) for rows in parts_of(CLASSES, "default")] == [76, 20, 24]


def test_a_fixed_split_is_the_same_for_every_run() -> None:
    for name in ("default", "holdout"):
        assert not SPLITS[name]().per_seed
    assert all(SPLITS[name]().per_seed for name in ("kfold", "seeded", "uci"))


@pytest.mark.parametrize(("raw", "splitter"), [(CLASSES, StratifiedKFold), (NUMBERS, KFold)])
def test_folds_are_scikit_learns(raw: Raw, splitter: Any) -> None:
    test = parts_of(raw, "kfold")[2]
    rest = np.setdiff1d(np.arange(120), test)
    for seed in (0, 3, 7):
        train, validation, again = parts_of(raw, "kfold", seed)
        assert again.tolist() == test.tolist(), "the same test rows for every fold"
        order = np.concatenate([train, validation])
        assert sorted(order) == rest.tolist()
    before = parts_before_folds(raw)
    expected = list(splitter(5, shuffle=True, random_state=1).split(before, raw.y[before]))
    for fold, (train, validation) in enumerate(expected):
        ours = parts_of(raw, "kfold", 5 + fold)
        assert (ours[0].tolist(), ours[1].tolist()) == (before[train].tolist(), before[validation].tolist())


def parts_before_folds(raw: Raw) -> np.ndarray:
    """The rows that are left by the test rows, in their order."""
    strata = raw.y if raw is CLASSES else None
    rest, _ = train_test_split(np.arange(120), test_size=0.2, stratify=strata, random_state=0)
    return np.asarray(rest)


@given(raw=raws(), folds=st.integers(2, 7), repetition=st.integers(0, 3), group=st.sampled_from([None, "nest"]))
def test_the_folds_of_a_repetition_hold_every_row_once(
    raw: Raw, folds: int, repetition: int, group: str | None
) -> None:
    seeds = range(repetition * folds, (repetition + 1) * folds)
    parts = [parts_of(raw, "kfold", seed, folds=folds, group=group) for seed in seeds]
    held_out = np.concatenate([validation for _, validation, _ in parts])
    assert sorted(np.concatenate([held_out, parts[0][2]])) == list(range(len(raw)))


def test_a_repetition_deals_the_rows_anew() -> None:
    assert set(parts_of(CLASSES, "kfold", 0)[1]) != set(parts_of(CLASSES, "kfold", 5)[1])


def test_groups_are_dealt_into_folds_of_even_sizes() -> None:
    raw = raw_of_frame(penguins(1200), "mass")
    sizes = [len(parts_of(raw, "kfold", seed, group="nest")[1]) for seed in range(5)]
    reference = [len(fold) for _, fold in GroupKFold(5).split(raw.y, groups=raw.table["nest"])]
    assert max(sizes) - min(sizes) <= max(reference) - min(reference) + 20


def test_a_table_may_name_the_split_of_each_row() -> None:
    part = np.array(["train"] * 70 + ["validation"] * 20 + ["test"] * 30)
    raw = raw_of_frame(penguins().assign(part=part), "species")
    train, validation, test = parts_of(raw, "given", column="part")
    assert (train.tolist(), validation.tolist()) == (list(range(70)), list(range(70, 90)))
    assert test.tolist() == list(range(90, 120))
    other = raw_of_frame(penguins().assign(part=np.where(part == "test", "held out", part)), "species")
    assert fault_of(other, "given", column="part") == (
        "column=part: must be a column of train, validation, test; it has held out"
    )
    for column, reason in (("sex", "a column without missing values; it has 12"), ("no", "there is none of this name")):
        assert reason in fault_of(raw, "given", column=column)


def test_validation_rows_that_are_not_given_are_drawn_from_the_training_rows() -> None:
    raw = raw_of_frame(penguins().assign(part=["train"] * 90 + ["test"] * 30), "species")
    train, validation, test = parts_of(raw, "given", column="part", validation=0.2)
    assert (len(train), len(validation), len(test)) == (72, 18, 30)
    train, validation, test = parts_of(raw, "given", column="part", validation=0)
    assert (len(train), len(validation), len(test)) == (90, 0, 30)


def test_files_may_give_the_row_numbers(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).permutation(120)
    train, validation, test = rows[:80], rows[80:100], rows[100:]
    np.savez(tmp_path / "a.npz", train=train, validation=validation, test=test)
    np.savetxt(tmp_path / "train.txt", train)
    np.savetxt(tmp_path / "validation.txt", validation, fmt="%d")
    np.save(tmp_path / "test.npy", test)
    names = {"train": "train.txt", "validation": "validation.txt", "test": "test.npy"}
    one, each = str(tmp_path / "a.npz"), {name: str(tmp_path / file) for name, file in names.items()}
    for files in (one, each):
        found = parts_of(CLASSES, "given", files=files)
        assert [part.tolist() for part in found] == [train.tolist(), validation.tolist(), test.tolist()]


def test_each_seed_may_have_files_of_its_own(tmp_path: Path) -> None:
    for seed in (0, 1):
        rows = np.random.default_rng(seed).permutation(120)
        np.savez(tmp_path / f"{seed}.npz", train=rows[:100], test=rows[100:])
    files = str(tmp_path / "{seed}.npz")
    assert SPLITS["given"](files=files).per_seed
    first, second = (parts_of(CLASSES, "given", seed, files=files) for seed in (0, 1))
    assert first[2].tolist() != second[2].tolist()


def test_files_that_give_no_split_are_one_line(tmp_path: Path) -> None:
    path = str(tmp_path / "a.npz")
    assert fault_of(CLASSES, "given", files=path) == f"split.files={path}: must be a file that exists"
    np.savez(path, train=np.arange(100), test=np.arange(90, 130))
    assert fault_of(CLASSES, "given", files=path).startswith("split.files: test must be different row numbers")
    np.savez(path, train=np.arange(100), test=np.arange(90, 120))
    assert fault_of(CLASSES, "given", files=path) == "split: a row is in two splits"
    np.savez(path, train=np.arange(100))
    must = "a file with the arrays train and test, with or without validation; it has train"
    assert fault_of(CLASSES, "given", files=path) == f"files={path}: must be {must}"
    (tmp_path / "a.txt").write_text("0.5 1.5")
    (tmp_path / "b.txt").write_text("x")
    a, b = str(tmp_path / "a.txt"), str(tmp_path / "b.txt")
    assert fault_of(CLASSES, "given", files={"train": a, "test": a}).startswith("split.files: train must be different ")
    assert fault_of(CLASSES, "given", files={"train": b, "test": a}).startswith(f"split.files={b}: cannot be read as ")
    assert fault_of(CLASSES, "given", files={"train": a}).startswith("files={'train': ")
    assert fault_of(CLASSES, "given") == "split=given: needs split.column=… or split.files=…, one of them"


def test_the_published_splits_follow_their_rule() -> None:
    """numpy.random.seed(1); for each split permutation = numpy.random.choice(range(n), n, replace=False)."""
    raw = raw_of_frame(penguins(), "mass")
    state = np.random.get_state()
    np.random.seed(1)
    published = [np.random.choice(range(120), 120, replace=False) for _ in range(20)]
    np.random.set_state(state)
    for seed, order in enumerate(published):
        train, validation, test = parts_of(raw, "uci", seed)
        assert np.concatenate([train, validation]).tolist() == order[:108].tolist()
        assert test.tolist() == order[108:].tolist()
        assert len(train) == int(0.8 * 108)
        whole, none, again = parts_of(raw, "uci", seed, validation=0)
        assert (whole.tolist(), len(none), again.tolist()) == (order[:108].tolist(), 0, test.tolist())


def test_official_test_rows_are_kept() -> None:
    raw = Raw(np.zeros((60, 2)), np.arange(60) % 2, Classes(("a", "b")), test_rows=20)
    for name, options in DRAWN.items():
        assert parts_of(raw, name, **options | {"test": 0.9})[2].tolist() == list(range(40, 60))


OPTIONS = [
    ("holdout", {"test": 0}, "test=0: must be a number of rows, or a fraction below 1"),
    ("holdout", {"validation": -1}, "validation=-1: must be a number of rows, or a fraction below 1"),
    ("holdout", {"validation": 1.5}, "validation=1.5: must be a number of rows, or a fraction below 1"),
    ("holdout", {"test": 120}, "test=120: must be between 1 and 119 rows, or a fraction of 120"),
    ("holdout", {"seed": -1}, "seed=-1: must be a whole number, at least 0"),
    ("holdout", {"group": "no"}, "group=no: must be a column of a table; there is none of this name"),
    ("holdout", {"group": "sex"}, "group=sex: must be a column without missing values; it has 12"),
    ("holdout", {"test": 118, "validation": 1}, "split: no row of class"),
    ("kfold", {"folds": 1}, "folds=1: must be at least 2"),
    ("kfold", {"folds": 100}, "folds=100: must be at most the 96 rows"),
    ("kfold", {"folds": 50, "group": "nest"}, "folds=50: must be at most the "),
    ("uci", {"validation": 1}, "validation=1: must be a fraction, at least 0 and below 1"),
]


@pytest.mark.parametrize(("name", "options", "line"), OPTIONS, ids=[line for *_, line in OPTIONS])
def test_a_wrong_option_is_one_line(name: str, options: dict[str, Any], line: str) -> None:
    assert fault_of(CLASSES, name, **options).startswith(line)


@pytest.mark.parametrize("name", ["kfold", "seeded", "uci"])
def test_a_seed_below_0_draws_no_split(name: str) -> None:
    assert fault_of(CLASSES, name, -1) == "seed=-1: must be at least 0, because it draws the split"


def test_a_group_needs_a_table() -> None:
    raw = Raw(np.zeros((20, 2)), np.arange(20) % 2, CLASSES.target)
    assert fault_of(raw, "holdout", group="a") == "group=a: must be a column of a table; the data set has no table"
    table = raw_of_frame(pd.DataFrame({"g": ["one"] * 20, "x": range(20), "y": [0, 1] * 10}))
    assert fault_of(table, "holdout", group="g").startswith("group=g: must be a column with at least 2 groups")


def test_the_seeds_of_a_sweep_cover_whole_repetitions_of_the_folds() -> None:
    kfold = {"name": "kfold", "folds": 3}
    for whole in ([0, 1, 2], [3, 4, 5], [0, 1, 2, 6, 7, 8], [2, 1, 0]):
        require_all_folds(kfold, whole)
    require_all_folds({"name": "holdout"}, [7])
    wrong = {(0, 1): "range(3)", (4,): "range(3,6)", (0, 1, 2, 3): "range(6)", (5, 6, 7): "range(3,9)"}
    for seeds, cure in wrong.items():
        with pytest.raises(UsageError, match=r"must cover all 3 folds of split=kfold, one a seed, as seed=") as caught:
            require_all_folds(kfold, seeds)
        assert caught.value.faults[0].endswith(f"seed={cure}")
