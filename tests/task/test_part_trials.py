"""A wrong part of a plugin is one line before anything trains."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hpsearch
from tests.tables import penguins, written
from tests.task.test_prepare import faults

pytestmark = pytest.mark.usefixtures("module")  # forgets the parts


def copying(weight: Any, *, generator: Any) -> Any:
    return weight * 0


def raising(weight: Any, *, generator: Any) -> Any:
    raise KeyError("gain")


def two(step: Any, steps: int) -> Any:
    return np.ones(2)


def text(step: Any, steps: int) -> Any:
    return "a"


def first(h: Any) -> Any:
    return h[:1]


class Half:
    kind = "half"

    def __init__(self, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0) -> None: ...


class Nowhere:
    per_seed = False
    columns = ()

    def __call__(self, raw: Any, seed: int) -> Any:
        return np.arange(9), np.arange(9), np.arange(5000, 6000)


class Nothing(Nowhere):
    def __call__(self, raw: Any, seed: int) -> Any:
        return None


def gone(**options: Any) -> Any:
    raise FileNotFoundError("my.csv")


def number() -> Any:
    return 5


WRONG = [
    ("init", copying, "init.name=copying: must be an initialiser that fills the weight it is given"),
    ("init", raising, "init=raising: raises KeyError: 'gain' (tests/task/test_part_trials.py:"),
    ("schedule", two, "schedule.name=two: must be a schedule that gives a finite number for each step"),
    ("schedule", text, "schedule.name=text: must be a schedule that gives a finite number for each step"),
    ("optimizer", Half, "optimizer.name=half: must be an optimizer that has kind, buffers, values, update; it has no "),
    ("split", Nowhere, "split: must give three arrays of row numbers from 0 to 1796: train, validation, test"),
    ("split", Nothing, "split: must give three arrays of row numbers from 0 to 1796"),
    ("data", gone, "data=gone: raises FileNotFoundError: my.csv (tests/task/test_part_trials.py:"),
    ("preprocessing", number, "preprocessing.name=number: must be a function that returns a transformer, with fit "),
]


@pytest.mark.parametrize(("group", "part", "line"), WRONG, ids=[line for *_, line in WRONG])
def test_a_part_that_does_not_do_its_work_is_one_line(group: str, part: Any, line: str) -> None:
    hpsearch.register(group)(part)
    name = part.__name__.lower()
    options = [f"{group}={{name:{name}}}"] if group in ("split", "preprocessing") else [f"{group}.name={name}"]
    (fault,) = faults(tuple(options))
    assert fault.startswith(line)


def unusual(y: Any, labels: Any) -> Any:
    return "good"


def failing(y: Any, labels: Any) -> Any:
    raise RuntimeError("boo")


VALUES = [
    (unusual, "metric=unusual: has no value on the 180 rows for validation, but 'good'"),
    (failing, "metric=failing: raises RuntimeError: boo (tests/task/test_part_trials.py:"),
]


@pytest.mark.parametrize(("part", "line"), VALUES, ids=[line for _, line in VALUES])
def test_a_metric_without_a_value_is_one_line(part: Any, line: str) -> None:
    hpsearch.register("metric", maximize=True, kind="classification")(part)
    (fault,) = faults((f"metric={part.__name__}",))
    assert fault.startswith(line)


def test_a_metric_that_the_split_does_not_allow_is_one_line(tmp_path: Path) -> None:
    frame = penguins().assign(species=["a"] * 2 + ["b", "c"] * 59)  # no a is left for validation
    table = ("data=table", f"data.path={written(tmp_path, frame)}", "batch_size=8")
    for key in ("metric=roc_auc", "metrics=[roc_auc]"):
        (fault,) = faults((*table, key))
        key = key.replace("[", "").replace("]", "")
        assert fault.startswith(f"{key}: has no value on the ")
        assert "Only one class is present" in fault
