"""The published tables, if $HPSEARCH_DATA has them: how each is understood, and its splits."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.components.data.load import load
from hpsearch.components.target import Classes, Quantity

ROOT = Path(os.environ.get("HPSEARCH_DATA", "data"))
UCI = {  # rows, features, target
    "concrete": (1030, 8, "strength"),
    "energy": (768, 8, "heating_load"),
    "kin8nm": (8192, 8, "distance"),
    "power_plant": (9568, 4, "output"),
    "wine_red": (1599, 11, "quality"),
    "yacht": (308, 6, "resistance"),
    "protein": (45730, 9, "rmsd"),
}


def options(path: Path, **more: Any) -> dict[str, Any]:
    if not path.is_file():
        pytest.skip(f"no {path}; set HPSEARCH_DATA to a folder that has it")
    return {"name": "table", "path": str(path), **more}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(UCI))
def test_the_uci_sets_have_their_published_splits(name: str) -> None:
    rows, features, target = UCI[name]
    table = options(ROOT / "uci" / f"{name}.csv", task="regression")
    np.random.seed(1)
    for seed in range(3):
        order = np.random.choice(range(rows), rows, replace=False)
        train = order[: round(0.9 * rows)]
        data = load(table, {"name": "uci", "validation": 0}, seed=seed)
        assert isinstance(data.target, Quantity)
        assert (data.features, data.target.name, data.warnings) == (features, target, ())
        assert (len(data.train), len(data.validation), len(data.test)) == (len(train), 0, rows - len(train))
        raw = np.loadtxt(table["path"], delimiter=",", skiprows=1)
        x = (raw[:, :-1] - raw[train, :-1].mean(0)) / raw[train, :-1].std(0)
        assert data.test.x.numpy() == pytest.approx(x[order[len(train) :]], abs=1e-4)
        y = data.test.y.numpy() * data.target.std + data.target.mean
        assert y == pytest.approx(raw[order[len(train) :], -1], rel=1e-5, abs=1e-5)


@pytest.mark.slow
def test_the_penguins_have_texts_and_missing_values() -> None:
    data = load(options(ROOT / "tabular" / "penguins.csv", target="species"))
    assert data.target == Classes(("Adelie", "Chinstrap", "Gentoo"))
    assert (len(data.train), len(data.validation), len(data.test), data.features) == (220, 55, 69, 15)
    assert data.warnings == ()
