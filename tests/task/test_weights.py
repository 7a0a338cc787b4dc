"""The files of a run's weights: what was written comes back, and nothing in them runs code."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from safetensors.numpy import save_file
from sklearn.preprocessing import FunctionTransformer

from hpsearch.components.data.arrays import raw_of_arrays
from hpsearch.components.data.load import whole
from hpsearch.components.data.table import raw_of_frame
from hpsearch.errors import UsageError
from hpsearch.record.folders import fault_of_folder
from hpsearch.task import weights
from hpsearch.task.weights import PREPROCESSING, WEIGHTS, NoWeights, remove, save, stored
from tests.programs import program

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "length": [*RNG.normal(size=58), np.nan, 2.0],
        "island": [*["b", "a", "c"] * 19, None, "a", "b"],
        "price": RNG.normal(10, 3, size=60),
    }
)
IMAGES = RNG.integers(0, 256, size=(60, 1, 4, 5)).astype(np.uint8)
SETS: dict[str, Callable[[], Any]] = {
    "table": lambda: raw_of_frame(FRAME, "price"),
    "classes": lambda: raw_of_frame(FRAME.assign(kind=["=x", "-1", "b"] * 20), "kind"),
    "images": lambda: raw_of_arrays((IMAGES, RNG.integers(0, 3, size=60))),
    "array": lambda: raw_of_arrays((RNG.normal(size=(60, 7)), RNG.integers(0, 3, size=60))),
}


def made(folder: Path, name: str, keep: str = "winner") -> Any:
    """The data set whose run has its files in a folder."""
    data = whole(SETS[name]())
    run: Any = SimpleNamespace(key="k", data=data, stack=program(data))
    save(folder, run, {"linear0.weight": np.ones((2, 3), np.float32), "n.running_count": np.array(7)}, keep)
    return data


@pytest.mark.parametrize("name", SETS)
def test_what_was_written_comes_back_to_the_bit(tmp_path: Path, name: str) -> None:
    data = made(tmp_path, name)
    found = stored(tmp_path)
    assert found.target == data.target
    assert found.shape == data.shape
    assert found.key == "k"
    assert found.transform is not None
    assert found.transform.columns == data.transform.columns
    rows = SETS[name]()
    np.testing.assert_array_equal(found.transform(rows.x), data.transform(rows.x))
    np.testing.assert_array_equal(found.tensors["linear0.weight"], np.ones((2, 3), np.float32))
    assert found.tensors["n.running_count"] == 7
    assert (tmp_path / PREPROCESSING).exists() == (name != "images")
    assert not list(tmp_path.glob(".*"))


def harmless(x: Any) -> Any:
    return x


def test_a_type_that_is_not_trusted_is_one_line(tmp_path: Path) -> None:
    made(tmp_path, "table")
    skops.io.dump(FunctionTransformer(harmless), tmp_path / PREPROCESSING)
    with pytest.raises(
        UsageError, match=r"preprocessing\.skops: holds tests\.task\.test_weights\.harmless, which"
    ) as e:
        stored(tmp_path)
    assert len(e.value.faults) == 1


def test_a_part_of_an_imported_plugin_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, "table")
    skops.io.dump(FunctionTransformer(harmless), tmp_path / PREPROCESSING)
    part = SimpleNamespace(part=harmless)
    monkeypatch.setattr(weights.registry, "plugin_parts", lambda: [part])
    assert stored(tmp_path).transform is not None


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        (lambda folder: (folder / WEIGHTS).unlink(), "weights.safetensors: no such file"),
        (lambda folder: (folder / WEIGHTS).write_bytes(b"\x09"), "cannot be read as weights of hpsearch"),
        (lambda folder: save_file({"a": np.zeros(2)}, folder / WEIGHTS), "cannot be read as weights of hpsearch"),
        (
            lambda folder: save_file({}, folder / WEIGHTS, {"hpsearch": json.dumps({"schema": 2})}),
            r"Invalid enum value 2 - at `\$\.schema`",
        ),
        (lambda folder: (folder / PREPROCESSING).unlink(), "preprocessing.skops: no such file"),
        (lambda folder: (folder / PREPROCESSING).write_text("x"), "cannot be read as a preprocessing"),
    ],
)
def test_files_that_are_broken_are_one_line(tmp_path: Path, broken: Callable[[Path], Any], line: str) -> None:
    made(tmp_path, "table")
    broken(tmp_path)
    with pytest.raises(UsageError, match=line) as error:
        stored(tmp_path)
    assert len(error.value.faults) == 1
    assert "\n" not in error.value.faults[0]


def test_files_of_weights_all_are_not_removed(tmp_path: Path) -> None:
    for keep in ("all", "winner"):
        made(tmp_path, "table", keep)
        remove(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == ({WEIGHTS, PREPROCESSING} if keep == "all" else set())
    with pytest.raises(NoWeights):
        stored(tmp_path)


def test_weights_need_room_on_the_disk(tmp_path: Path) -> None:
    without = program(whole(SETS["array"]()), widths=(1000,))
    one = 4 * without.model.parameters
    runs: Any = [SimpleNamespace(stack=replace(without, weights=True)) for _ in range(300)]
    assert weights.size_of(runs, "all") == 300 * one
    assert weights.size_of(runs, "winner") == 100 * one
    assert weights.size_of([SimpleNamespace(stack=without)], "all") == 0  # type: ignore[list-item]
    assert fault_of_folder(tmp_path, 1) is None
    assert "or keep less: weights=none" in (fault_of_folder(tmp_path, 1, 1 << 60) or "")
