"""Tables and arrays: the task and the columns as they are understood, and every mistake as one line."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from hpsearch.components.data.arrays import npz, raw_of_arrays
from hpsearch.components.data.dataset import Dataset, Split
from hpsearch.components.data.load import as_rows, load, whole
from hpsearch.components.data.raw import MISSING, Raw
from hpsearch.components.data.table import raw_of_frame, table
from hpsearch.components.target import Classes, Quantity
from hpsearch.errors import UsageError, typed
from tests.tables import penguins, written


def fault_of(function: Any, *args: Any, **options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        function(*args, **options)
    (fault,) = caught.value.faults
    assert "\n" not in fault
    return fault


def test_columns_are_numbers_or_categories(tmp_path: Path) -> None:
    raw = table(written(tmp_path, penguins()))
    assert [column.name for column in raw.columns] == ["bill", "mass", "island", "sex", "nest"]
    kinds = {column.name: (column.categories, column.missing) for column in raw.columns if column.name != "nest"}
    assert kinds == {
        "bill": ((), True),
        "mass": ((), False),
        "island": (("Biscoe", "Dream", "Torgersen"), False),
        "sex": (("female", "male", MISSING), True),
    }
    assert raw.target == Classes(("Adelie", "Chinstrap", "Gentoo"))
    assert raw.y.tolist() == [0, 1, 2] * 40


def test_the_plan_says_how_a_table_is_understood(tmp_path: Path) -> None:
    data = load({"name": "table", "path": written(tmp_path, penguins()), "drop": ["nest"]})
    assert list(data.described) == [
        "table.csv: 120 rows; target species (the last column): classification, 3 classes "
        "(Adelie 40, Chinstrap 40, Gentoo 40)",
        "  numeric: bill (6 missing), mass",
        "  categorical: island (3 values), sex (2 values, 12 missing)",
        "  9 inputs; rows: 76 train, 20 validation, 24 test",
    ]


TARGETS = {
    "text": (["b", "a"] * 20, Classes(("a", "b"))),
    "true and false": ([True, False] * 20, Classes(("False", "True"))),
    "few whole numbers": ([3, 5, 11, 7] * 10, Classes(("3", "5", "7", "11"))),
    "many whole numbers": (list(range(40)), Quantity(name="y")),
    "fractions": ([0.5, 1.5] * 20, Quantity(name="y")),
}


@pytest.mark.parametrize("name", list(TARGETS))
def test_the_target_says_the_task(name: str) -> None:
    values, target = TARGETS[name]
    raw = raw_of_frame(pd.DataFrame({"x": np.arange(40) % 7, "y": values}))
    assert raw.target == target
    shown = [target.names[number] for number in raw.y] if isinstance(target, Classes) else raw.y.tolist()
    assert shown == (list(map(str, values)) if isinstance(target, Classes) else values)


def test_the_task_can_be_said() -> None:
    frame = pd.DataFrame({"x": np.arange(40) % 7, "y": [3, 5, 11, 7] * 10, "z": [0.5, 2.0] * 20})
    assert raw_of_frame(frame, "y", "regression").target == Quantity(name="y")
    assert raw_of_frame(frame, "z", "classification").target == Classes(("0.5", "2"))


def test_columns_are_chosen_by_name() -> None:
    def names(**options: Any) -> list[str]:
        return [column.name for column in raw_of_frame(penguins(), **options).columns]

    assert names(target="mass", drop=["nest", "sex"]) == ["bill", "island", "species"]
    assert names(features=["sex", "bill"]) == ["sex", "bill"]


def test_a_text_may_stand_for_a_missing_number(tmp_path: Path) -> None:
    frame = penguins().astype({"mass": object})
    frame.loc[3, "mass"] = "?"
    path = written(tmp_path, frame)
    assert fault_of(table, path) == (
        "data: the column mass holds numbers and texts, such as ?; data.missing=['?'] takes it for a missing value, "
        "data.categorical=[mass] for a category"
    )
    (mass,) = [column for column in table(path, missing=["?"]).columns if column.name == "mass"]
    assert (mass.categories, mass.missing) == ((), True)
    (mass,) = [column for column in table(path, categorical=["mass"]).columns if column.name == "mass"]
    assert "?" in mass.categories


def test_a_number_can_stand_for_a_category() -> None:
    frame = penguins().assign(mass=np.arange(120) % 3 + 1.0)
    (mass,) = [column for column in raw_of_frame(frame, categorical=["mass"]).columns if column.name == "mass"]
    assert mass.categories == ("1", "2", "3")


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.bz2", "a.csv.xz"])
def test_a_csv_file_may_be_compressed(tmp_path: Path, name: str) -> None:
    assert len(table(written(tmp_path, penguins(), name))) == 120


def test_a_csv_file_may_have_another_separator(tmp_path: Path) -> None:
    penguins().to_csv(tmp_path / "a.csv", index=False, sep=";")
    assert len(table(str(tmp_path / "a.csv"), separator=";").columns) == 5
    assert "data.separator" in fault_of(table, str(tmp_path / "a.csv"))


def test_rows_without_a_target_are_an_error_or_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, penguins())
    assert fault_of(table, path, target="sex") == (
        "data.target=sex: missing in 12 of 120 rows; data.drop_missing_target=true leaves them out"
    )
    assert len(table(path, target="sex", drop_missing_target=True)) == 108


def test_a_target_that_is_missing_in_a_row_is_still_one_of_classes() -> None:
    frame = penguins().assign(y=[np.nan, *[0.0, 1.0] * 59, 1.0])  # pandas reads whole numbers beside a gap as fractions
    assert raw_of_frame(frame, drop_missing_target=True).target == Classes(("0", "1"))
    frame = penguins().assign(y=[np.nan, *[0.5, 1.0] * 59, 1.0])
    assert raw_of_frame(frame, drop_missing_target=True).target == Quantity(name="y")


def test_a_separator_is_one_character(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    penguins().to_csv(path, sep="\t", index=False)
    assert len(table(str(path), separator=r"\t").columns) == len(table(str(path), separator="\t").columns) == 5
    for separator in ("", "ab", None):
        line = r"must be one character, or \t for a tab"
        assert fault_of(table, str(path), separator=separator) == f"separator={typed(separator)}: {line}"


N = np.arange(120)
FRAMES = [
    (penguins()[:2], {}, "data: 2 rows; at least 10 are needed"),
    (penguins().assign(species="Adelie"), {}, "data.target=species: is Adelie in all rows"),
    (penguins(), {"target": "speces"}, "target=speces: must be a column of the table; did you mean species?"),
    (penguins(), {"drop": ["weight"]}, "drop=weight: must be a column of the table; there are bill, mass,"),
    (penguins(), {"drop": "mass"}, "data.drop=mass: must be a list, as data.drop=[mass]"),
    (penguins(), {"features": ["species"]}, "target=species: must be no column of data.features or data.drop"),
    (penguins(), {"task": "ranking"}, "task=ranking: must be one of auto, classification, regression"),
    (penguins(), {"task": "regression"}, "data.task=regression: the target species holds texts, such as Adelie"),
    (penguins().assign(mass=np.inf), {}, "data: the column mass has infinite values"),
    (penguins().rename(columns={"mass": "bill"}), {}, "data.path=the frame: has two columns of the name bill"),
    (penguins(2000).assign(nest=[f"n{i}" for i in range(2000)]), {}, "data: the column nest has 2,000 different texts"),
    (
        penguins().assign(y=["a"] + ["b", "c"] * 59 + ["b"]),
        {},
        "data.target=y: the class a has 1 row, which cannot be ",
    ),
    (penguins().assign(y=[1] + [2, 3] * 59 + [2]), {}, "data.target=y: the class 1 has 1 row, which cannot be "),
    (penguins()[["species"]], {}, "data.path=the frame: must have two columns or more, not species"),
    (
        penguins(),
        {"drop": ["bill", "mass", "island", "sex", "nest"]},
        "data: data.features and data.drop leave no column ",
    ),
    (penguins(), {"features": []}, "data: data.features and data.drop leave no column to learn from"),
    (
        pd.DataFrame({"a;b": ["1;2"] * 20}),
        {},
        """data.path=the frame: must have two columns or more, not a;b; give 'data.s""",
    ),
    (penguins().assign(y=[np.inf, *range(119)]), {}, "data.target=y: has values that are missing or infinite"),
]


@pytest.mark.parametrize(("frame", "options", "line"), FRAMES, ids=[line for *_, line in FRAMES])
def test_a_mistake_in_a_table_is_one_line(frame: pd.DataFrame, options: dict[str, Any], line: str) -> None:
    assert fault_of(raw_of_frame, frame, **options).startswith(line)


FILES = [
    ("", "is empty"),
    ("a,b\n", "data: 0 rows"),
    ("a,b,a\n" + "1,2,3\n" * 20, "has two columns of the name a"),
    ("a,b\n1,2,3,4\n1,2\n1,2,3,4,5,6\n", "cannot be read as a table ("),
    (b"\xff\xfe\x00a,b\n", "cannot be read as a table ("),
]


@pytest.mark.parametrize(("content", "line"), FILES, ids=[line for _, line in FILES])
def test_a_file_that_is_no_table_is_one_line(tmp_path: Path, content: str | bytes, line: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert line in fault_of(table, str(path))


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    assert fault_of(table, "no.csv") == "path=no.csv: must be a file that exists"
    assert fault_of(table, str(tmp_path)) == f"path={tmp_path}: must be a file that exists"
    assert fault_of(table, None) == "path=null: must be a CSV or Parquet file"


@pytest.mark.skipif(find_spec("pyarrow") is not None, reason="pyarrow is installed")
def test_without_pyarrow_parquet_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")
    assert fault_of(table, str(path)) == f'data.path={path}: a Parquet file needs pyarrow: pip install -e ".[parquet]"'


def test_a_parquet_file_is_read_as_the_frame_that_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pd, "read_parquet", lambda path: penguins().astype({"sex": "category", "mass": "Int64"}))
    (tmp_path / "a.parquet").touch()
    raw, csv = table(str(tmp_path / "a.parquet")), table(written(tmp_path, penguins()))
    assert raw.columns == csv.columns
    assert raw.x.equals(csv.x)


SUSPICIOUS = {
    "copy": (lambda f: f.species, "gives the target species away: each value has one class only"),
    "code": (lambda f: f.species.map({"Adelie": 7, "Chinstrap": 8, "Gentoo": 9}), "gives the target species away"),
    "number": (lambda f: np.arange(len(f)), "is different in every row, as an identifier"),
    "key": (lambda f: [f"k{i}" for i in range(len(f))], "is different in every row, as an identifier"),
    "year": (lambda f: 2007, "has the same value in all rows"),
}


@pytest.mark.parametrize("name", list(SUSPICIOUS))
def test_a_column_that_should_not_be_learned_from_is_warned_of(name: str) -> None:
    values, reason = SUSPICIOUS[name]
    frame = penguins()
    frame.insert(0, name, values(frame))
    (line,) = raw_of_frame(frame).warnings
    assert line.startswith(f"data: the column {name} {reason}")
    assert line.endswith(f"data.drop=[{name}] leaves it out")


def test_the_target_in_another_unit_is_warned_of() -> None:
    frame = penguins().drop(columns=["species"]).assign(pounds=lambda f: f.mass * 2.2046)
    (line,) = raw_of_frame(frame, "mass").warnings
    assert line.startswith("data: the column pounds gives the target mass away")


def test_a_plain_table_is_not_warned_of() -> None:
    assert raw_of_frame(penguins()).warnings == ()
    assert raw_of_frame(penguins(), "mass").warnings == ()


def test_arrays_keep_the_shape_of_images_and_their_test_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 255, (60, 2, 5, 5), dtype=np.uint8), np.arange(60) % 3
    np.savez(tmp_path / "a.npz", x=x[:50], y=y[:50], x_test=x[50:], y_test=y[50:])
    data = load({"name": "arrays", "path": str(tmp_path / "a.npz")})
    assert (data.shape, data.features, len(data.test)) == ((2, 5, 5), 50, 10)
    assert data.target == Classes(("0", "1", "2"))
    assert data.test.y.tolist() == y[50:].tolist()
    assert data.transform is not None
    assert torch.equal(torch.from_numpy(data.transform(x[50:])), data.test.x)


def test_arrays_of_features_are_a_table() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(5, [1.0, 100.0], (200, 2)), rng.normal(size=(200, 1))
    x[::7, 0] = np.nan
    data = whole((x, y))
    assert data.shape == (3,), "two features, and one that says where the first is missing"
    assert data.train.x.std(0)[:2].tolist() == pytest.approx([1, 1], abs=0.01)
    assert isinstance(data.target, Quantity)
    assert data.train.y.mean().item() == pytest.approx(0, abs=1e-6)


X, Y = np.zeros((20, 2)), np.arange(20) % 2
ARRAYS = [
    ((X, Y[:-1]), "data: x has 20 rows and y 19"),
    ((X, np.zeros((20, 2))), "data: y has the shape (20, 2)"),
    ((X[:, 0], Y), "data: x has the shape (20,)"),
    ((X, Y, np.zeros((5, 3)), Y[:5]), "data: x has samples of shape (2,) and x_test of (3,)"),
    ((X, Y, X[:5], Y[:4]), "data: x_test has 5 rows and y_test 4"),
    ((X.astype(str), Y), "data: x holds <U32; it must be numbers"),
    ((X[:, :0], Y), "data: x has the shape (20, 0); it must have a feature or more"),
    ((X + np.inf, Y), "data: x has infinite values"),
    ((np.full((20, 2, 2), np.nan), Y), "data: x has values that are missing (nan)"),
]


@pytest.mark.parametrize(("arrays", "line"), ARRAYS, ids=[line for _, line in ARRAYS])
def test_a_mistake_in_arrays_is_one_line(arrays: tuple[Any, ...], line: str) -> None:
    assert fault_of(raw_of_arrays, arrays).startswith(line)


def test_a_file_that_holds_no_arrays_is_one_line(tmp_path: Path) -> None:
    path = str(tmp_path / "a.npz")
    assert fault_of(npz, path) == f"data.path={path}: must be a file that exists"
    Path(path).write_text("x")
    assert fault_of(npz, path) == f"data.path={path}: must be an .npz file, as numpy.savez writes it"
    np.savez(path, x=X, x_test=X)
    assert fault_of(npz, path).endswith("or x, y, x_test and y_test; it has x, x_test")
    np.savez(path, x=np.array([object()]), y=Y)
    reason = "it holds Python objects; save numbers, as x.astype(float)"
    assert fault_of(npz, path) == f"data.path={path}: cannot be read as plain arrays: {reason}"


def test_a_function_of_the_user_may_return_rows_in_several_ways() -> None:
    raw, arrays = as_rows((penguins(), "species")), as_rows((X, Y))
    assert isinstance(raw, Raw)
    assert isinstance(arrays, Raw)
    assert as_rows(raw) is raw
    split = Split(torch.zeros(10, 2), torch.arange(10) % 2)
    data = Dataset(split, split, split, Classes(("a", "b")), (2,))
    assert whole(data) is data
    assert fault_of(as_rows, [1]).startswith("data: the function returned a list; it must return (x, y), ")
