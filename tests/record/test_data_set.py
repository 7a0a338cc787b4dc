"""Names of data sets, and the values that a record leaves out."""

from pathlib import Path
from typing import Any

from hpsearch.record.data_set import names_of
from hpsearch.record.frame import gather
from tests.made_records import entry, sweep


def table(path: str, fingerprint: str, **config: Any) -> Any:
    data = {"name": "table", "fingerprint": fingerprint}
    return entry(0.9, data=data, overrides=("data=table", f"data.path={path}"), **config)


def test_a_table_has_the_name_of_its_file() -> None:
    files = [table("a/x.csv", "0123456789"), table("'b/x.csv'", "abcdefghij"), table("y.csv", "9876543210")]
    assert names_of([*files, files[0], entry(0.9)]) == ["x.csv", "x.csv-abcdef", "y.csv", "x.csv", "digits"]
    moved = [table("x.csv", "0123456789"), table("z.csv", "0123456789", seed=1)]
    assert names_of(moved) == ["x.csv", "x.csv"]
    unsaid = entry(0.9, data={"name": "table", "fingerprint": "0123456789"})
    assert names_of([unsaid]) == ["table"]


def test_two_tables_are_two_data_sets(tmp_path: Path) -> None:
    runs = gather([sweep(tmp_path / "s", [table("a.csv", "0123456789"), table("b.csv", "abcdefghij")])])
    assert runs.swept == ["data.path"]
    assert list(runs.frame.data_set) == ["a.csv", "b.csv"]


def test_a_value_that_a_record_leaves_out_is_one_of_those_that_were_swept(tmp_path: Path) -> None:
    records = [entry(0.9), entry(0.8, warmup=2.0), entry(0.7, split={"name": "kfold", "folds": 5})]
    runs = gather([sweep(tmp_path / "s", records)])
    assert runs.swept == ["warmup", "split"]
    assert list(zip(runs.frame.warmup, runs.frame.split, strict=True)) == [
        (0.0, "default"),
        (2.0, "default"),
        (0.0, "kfold"),
    ]
