"""From the values of a target to the task: a classification or a regression."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.components.target import Classes, Quantity, Target
from hpsearch.errors import UsageError, require

LEAST_ROWS = 10
FEW = 20  # different whole numbers in a table: more are a quantity
MOST_CLASSES = 1000
TASKS = ("auto", "classification", "regression")


def target_of(values: Any, task: str, name: str, few: int = FEW) -> tuple[NDArray[Any], Target]:
    """Class numbers or float64 values, and the target. values: [n], without missing ones.

    task: ``auto`` takes text, true and false, and up to `few` different whole numbers for classes. Raises UsageError.
    """
    require(task in TASKS, "task", task, f"one of {', '.join(TASKS)}")
    values = np.asarray(values)
    if len(values) < LEAST_ROWS:
        raise UsageError([f"data: {len(values)} rows; at least {LEAST_ROWS} are needed"])
    number = values.dtype.kind in "iuf"
    if number and not np.isfinite(values).all():
        raise UsageError([f"data.target={name}: has values that are missing or infinite"])
    distinct, numbers, counts = np.unique(
        values if number else values.astype(str), return_inverse=True, return_counts=True
    )
    if len(distinct) == 1:
        raise UsageError([f"data.target={name}: is {distinct[0]} in all rows; there is nothing to learn"])
    classes = not number or (values.dtype.kind != "f" and len(distinct) <= few)
    if task == "regression" or (task == "auto" and not classes):
        if not number:
            raise UsageError([f"data.task=regression: the target {name} holds texts, such as {distinct[0]}"])
        return values.astype(np.float64), Quantity(name=name)
    rare = int(counts.argmin())
    cure = "leave its rows out" if not number else "leave its rows out, or data.task=regression"
    if len(distinct) > MOST_CLASSES:
        raise UsageError([f"data.target={name}: has {len(distinct):,} classes, more than {MOST_CLASSES:,}; {cure}"])
    if counts[rare] == 1:
        line = f"the class {distinct[rare]} has 1 row, which cannot be trained and tested; {cure}"
        raise UsageError([f"data.target={name}: {line}"])
    names = tuple(f"{value:g}" if values.dtype.kind == "f" else str(value) for value in distinct)
    return numbers.reshape(-1).astype(np.int64), Classes(names)
