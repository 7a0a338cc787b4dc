from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from hpsearch.components.data.dataset import Dataset
from hpsearch.components.data.load import dataset_of, load, parts_of, rows_of
from hpsearch.components.data.stratified import stratified


def digits_of(**options: int) -> Dataset:
    return load({"name": "digits", "validation": 180, "test": 180, "split_seed": 0} | options)


def test_digits_are_split_stratified_and_normalised_by_their_training_part() -> None:
    digits = digits_of()
    assert [len(part) for part in (digits.train, digits.validation, digits.test)] == [1437, 180, 180]
    assert (digits.features, digits.shape, digits.target.outputs) == (64, (1, 8, 8), 10)
    assert digits.train.x.mean().item() == pytest.approx(0, abs=1e-5)
    assert digits.train.x.std().item() == pytest.approx(1, abs=1e-3)
    for part in (digits.validation, digits.test):
        assert torch.bincount(part.y).min() >= 17


def test_the_digits_are_scikit_learns() -> None:
    digits = digits_of(split_seed=3)
    x, y = load_digits(return_X_y=True)
    rest, test, rest_y, test_y = train_test_split(x, y, test_size=180, stratify=y, random_state=3)
    train, validation, *classes = train_test_split(rest, rest_y, test_size=180, stratify=rest_y, random_state=3)
    parts = digits.train, digits.validation, digits.test
    for part, pixels, numbers in zip(parts, (train, validation, test), (*classes, test_y), strict=True):
        assert torch.equal(part.x, torch.from_numpy(((pixels - train.mean()) / train.std()).astype(np.float32)))
        assert part.y.tolist() == numbers.tolist()


@given(st.lists(st.integers(0, 3), min_size=40, max_size=200), st.integers(8, 24), st.integers(0, 2**32 - 1))
def test_the_split_is_scikit_learns(classes: list[int], size: int, seed: int) -> None:
    y = np.array([0, 0, 1, 1, 2, 2, 3, 3, *classes])
    theirs = train_test_split(np.arange(len(y)), test_size=size, stratify=y, random_state=seed)
    for ours, reference in zip(stratified(y, size, seed), theirs, strict=True):
        assert ours.tolist() == reference.tolist()


def test_the_split_depends_on_its_own_seed_only() -> None:
    first = digits_of()
    for function in (rows_of, parts_of, dataset_of):
        function.cache_clear()
    np.random.seed(7)
    second, other = digits_of(), digits_of(split_seed=1)
    assert second is not first
    assert torch.equal(first.validation.x, second.validation.x)
    assert not torch.equal(first.validation.x, other.validation.x)


def test_a_set_is_loaded_once() -> None:
    assert digits_of() is digits_of()


@pytest.mark.parametrize("key", ["validation", "test"])
@pytest.mark.parametrize("value", [0, -1, 1797])
def test_a_part_of_no_sensible_size_is_named(key: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"^{key}={value}: must be between 10 and"):
        digits_of(**{key: value})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fashion_mnist", "mnist"])
def test_the_real_sets_have_the_papers_sizes(real_data: Path, name: str) -> None:
    dataset = load({"name": name, "root": str(real_data), "validation": 6000, "split_seed": 0})
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [54_000, 6_000, 10_000]
    assert (dataset.features, dataset.shape, dataset.target.outputs) == (784, (1, 28, 28), 10)
    counts = torch.bincount(dataset.validation.y)
    assert torch.equal(counts, torch.full((10,), 600)) or name == "mnist"
