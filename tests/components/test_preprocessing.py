"""Preprocessing: fitted on the training rows alone, the same inputs in every split, the same numbers for raw rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.preprocessing import QuantileTransformer, RobustScaler, StandardScaler

from hpsearch.components import preprocessing
from hpsearch.components.data.dataset import Dataset
from hpsearch.components.data.load import load, prepared
from hpsearch.components.data.raw import Raw
from hpsearch.components.data.table import raw_of_frame
from hpsearch.components.preprocessing import PREPROCESSINGS
from hpsearch.components.split import SPLITS
from hpsearch.components.target import Classes
from hpsearch.errors import UsageError
from tests.programs import examples
from tests.tables import penguins, written

NAMES = list(PREPROCESSINGS)


def dataset(frame: pd.DataFrame, name: str = "default", split: str = "holdout", seed: int = 0) -> Dataset:
    raw, splitter = raw_of_frame(frame, "species"), SPLITS[split]()
    return prepared(raw, splitter(raw, seed), splitter, {"name": name})


def rows_of(frame: pd.DataFrame) -> tuple[Any, ...]:
    raw = raw_of_frame(frame, "species")
    return SPLITS["holdout"]()(raw, 0)


def test_numbers_and_categories_by_hand() -> None:
    frame = penguins()[["bill", "mass", "island", "sex", "species"]]
    train, _, test = rows_of(frame)
    data = dataset(frame)
    bill = frame.bill.fillna(frame.bill.iloc[train].median()).to_numpy()
    columns = [(values - values[train].mean()) / values[train].std() for values in (bill, frame.mass.to_numpy())]
    columns.append(frame.bill.isna().to_numpy())
    columns += [(frame.island == name).to_numpy() for name in ("Biscoe", "Dream", "Torgersen")]
    columns += [(frame.sex == name).to_numpy() for name in ("female", "male")]
    columns.append(frame.sex.isna().to_numpy())
    expected = np.stack(columns, 1)
    assert data.train.x.numpy() == pytest.approx(expected[train], abs=1e-6)
    assert data.test.x.numpy() == pytest.approx(expected[test], abs=1e-6)
    assert (data.shape, data.train.x.dtype) == ((9,), torch.float32)


SCALERS = {
    "standard": StandardScaler(),
    "robust": RobustScaler(),
    "quantile": QuantileTransformer(n_quantiles=76, output_distribution="normal"),
}


@pytest.mark.parametrize("name", list(SCALERS))
def test_numeric_columns_are_scaled_as_by_scikit_learn(name: str) -> None:
    frame = penguins()[["mass", "species"]]
    train, validation, _ = rows_of(frame)
    values = frame[["mass"]].to_numpy()
    scaler = SCALERS[name].fit(values[train])
    data = dataset(frame, name)
    assert data.validation.x.numpy() == pytest.approx(scaler.transform(values[validation]), abs=1e-6)


def test_without_scaling_numbers_stay_as_they_are() -> None:
    frame = penguins()[["mass", "species"]]
    train, _, _ = rows_of(frame)
    assert dataset(frame, "none").train.x[:, 0].tolist() == frame.mass.to_numpy()[train].tolist()


@pytest.mark.parametrize("name", NAMES)
@examples(20)
@given(rows=st.integers(60, 120), seed=st.integers(0, 20), other=st.integers(21, 40))
def test_the_fit_sees_only_training_rows(name: str, rows: int, seed: int, other: int) -> None:
    frame, changed = penguins(rows, seed), penguins(rows, seed)
    train, *held_out = rows_of(frame)
    unlike = penguins(rows, other)
    for part in held_out:
        for column in ("bill", "mass"):
            changed.loc[part, column] = 1000 * unlike.loc[part, column].to_numpy() + 7
    columns = ["bill", "mass", "island", "species"]
    changed.loc[frame.bill.isna(), "bill"] = np.nan
    changed.loc[train, "bill"] = frame.loc[train, "bill"]
    if frame.bill.iloc[train].notna().all() or changed.bill.notna().all():
        return  # missing values anywhere add an input
    first, second = dataset(frame[columns], name), dataset(changed[columns], name)
    assert torch.equal(first.train.x, second.train.x)
    assert not torch.equal(first.test.x, second.test.x)


@pytest.mark.parametrize("name", NAMES)
@examples(20)
@given(rows=st.integers(60, 150), seed=st.integers(0, 20), split=st.sampled_from(["holdout", "kfold", "seeded"]))
def test_every_split_has_the_same_finite_inputs(name: str, rows: int, seed: int, split: str) -> None:
    frame = penguins(rows, seed).drop(columns="nest")
    frame.loc[0, "island"] = "a rare island"  # in one split only
    found = [dataset(frame, name, split, seed) for seed in range(3)]
    assert len({data.features for data in found}) == 1
    for data in found:
        for part in (data.train, data.validation, data.test):
            assert part.x.shape[1] == data.features == data.shape[0]
            assert part.x.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_the_transform_gives_the_numbers_of_the_split_for_raw_rows(name: str) -> None:
    frame = penguins()
    train, validation, test = rows_of(frame)
    data = dataset(frame, name)
    assert data.transform is not None
    for rows, split in ((train, data.train), (validation, data.validation), (test, data.test)):
        assert torch.equal(torch.from_numpy(data.transform(frame.iloc[rows])), split.x)
    one = data.transform(frame.iloc[test[:1]][reversed(frame.columns)])
    assert one.tolist() == data.test.x[:1].tolist(), "of one row, with its columns in another order"


def test_new_rows_may_hold_categories_and_gaps_that_no_row_had() -> None:
    frame = penguins().drop(columns="nest")
    transform = dataset(frame).transform
    assert transform is not None
    plain, new = frame.iloc[[3]], frame.iloc[[3]].assign(island="Elba", mass=np.nan)
    x, there = transform(new)[0], transform(plain)[0]
    assert np.isfinite(x).all()
    islands = slice(3, 6)
    assert (there[islands].sum(), x[islands].sum()) == (1, 0)
    assert x[6:].tolist() == there[6:].tolist()


def test_new_rows_without_a_column_or_with_text_for_a_number_are_one_line() -> None:
    transform = dataset(penguins()).transform
    assert transform is not None
    with pytest.raises(UsageError, match="^rows: have no column mass; they have "):
        transform(penguins().drop(columns="mass"))
    with pytest.raises(UsageError, match="^mass: holds a value that is no number "):
        transform(penguins().assign(mass="heavy"))


def test_a_column_without_any_value_in_training_is_zero() -> None:
    frame = penguins()
    train, _, test = rows_of(frame)
    frame.loc[train, "mass"] = np.nan
    x = dataset(frame).train.x
    assert x.isfinite().all()
    assert x[:, 1].tolist() == [0.0] * len(train)


def test_images_share_one_mean_unless_each_pixel_is_to_have_its_own() -> None:
    pixels = np.random.default_rng(0).normal(np.arange(9).reshape(3, 3), 1.0, (90, 3, 3))
    raw, splitter = Raw(pixels, np.arange(90) % 2, Classes(("a", "b"))), SPLITS["holdout"]()
    parts = splitter(raw, 0)
    shared, each = (prepared(raw, parts, splitter, {"name": name}) for name in ("default", "standard"))
    assert shared.shape == each.shape == (3, 3)
    flat = pixels[parts[0]].reshape(-1, 9)
    assert torch.equal(shared.train.x, torch.from_numpy(((flat - flat.mean()) / flat.std()).astype(np.float32)))
    assert each.train.x.numpy() == pytest.approx((flat - flat.mean(0)) / flat.std(0), abs=1e-5)


def test_a_transformer_of_the_user_may_change_the_number_of_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    def pca(n: int) -> BaseEstimator:
        return PCA(n, random_state=0)

    monkeypatch.setitem(PREPROCESSINGS, "pca", pca)
    x = np.random.default_rng(0).normal(size=(60, 3, 3))
    raw, splitter = Raw(x, np.arange(60) % 2, Classes(("a", "b"))), SPLITS["holdout"]()
    data = prepared(raw, splitter(raw, 0), splitter, {"name": "pca", "n": 2})
    assert data.shape == (2,)


def test_a_regression_is_standardized_by_its_training_rows() -> None:
    raw, splitter = raw_of_frame(penguins(), "mass"), SPLITS["holdout"]()
    train, _, test = splitter(raw, 0)
    data = prepared(raw, (train, np.arange(0), test), splitter, {"name": "default"})
    mean, std = raw.y[train].mean(), raw.y[train].std()
    assert (data.target.mean, data.target.std, data.target.name) == (mean, std, "mass")  # type: ignore[union-attr]
    assert data.test.y.numpy() == pytest.approx((raw.y[test] - mean) / std, abs=1e-6)
    assert data.train.y.dtype == torch.float32
    assert (len(data.validation), data.validation.x.shape[1]) == (0, data.features)


def test_a_wrong_option_is_one_line() -> None:
    for options, line in (
        ({"name": "quantile", "output": "flat", "quantiles": 10}, "output=flat: must be normal or uniform"),
        ({"name": "quantile", "output": "normal", "quantiles": 1}, "quantiles=1: must be at least 2"),
        ({"name": "minmax"}, "name=minmax: must be one of default, standard, quantile, robust, none"),
    ):
        with pytest.raises(UsageError, match=f"^{line}"):
            preprocessing.fitted(raw_of_frame(penguins()), np.arange(50), options)


def test_runs_with_the_same_split_share_their_data(tmp_path: Path) -> None:
    options = {"name": "table", "path": written(tmp_path, penguins())}
    kfold = {"name": "kfold", "folds": 3}
    assert load(options, seed=0) is load(options, seed=1)
    assert load(options, kfold, seed=1) is load(options, kfold, seed=1)
    assert load(options, kfold, seed=1) is not load(options, kfold, seed=2)
