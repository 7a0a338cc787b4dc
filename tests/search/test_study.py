"""A study that more than one search has been given."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.pruners import NopPruner

from hpsearch.errors import UsageError
from hpsearch.search.bulk import BulkStorage
from hpsearch.search.owners import Owners
from hpsearch.search.study import CONFIGURATION, MirroredStudy, counted_in

MADE_WITH: dict[str, Any] = {
    "space": ["optimizer  sgd, adam", "lr  0.001 to 0.3 (log)"],
    "seeds": [0],
    "objective": ["val_accuracy"],
    "direction": ["maximize"],
    CONFIGURATION: {"epochs": 2, "architecture": {"name": "mlp", "depth": 2}},
    "code": {"my_parts": "00c0ffee"},
}


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[BulkStorage]:
    """With the study s, of a trial that has ended and one that has not."""
    made = BulkStorage(f"sqlite:///{tmp_path / 'a.db'}")
    mirror = MirroredStudy(made, "s", ["maximize"], ["val_accuracy"], NopPruner(), Owners(tmp_path, "here:1:a"))
    mirror.remember(MADE_WITH)
    ended, running = mirror.study.ask(), mirror.study.ask()
    for trial in (ended, running):
        trial.set_user_attr("configuration", str(trial.number))
    mirror.begin([ended, running], limit=2)
    mirror.study.tell(ended, 0.5)
    mirror.changed(ended)
    mirror.save()
    yield made
    made.close()


def test_the_trials_that_have_ended_are_counted(storage: BulkStorage) -> None:
    assert counted_in(storage, "s", MADE_WITH) == 1
    assert counted_in(storage, "another", MADE_WITH) == 0


@pytest.mark.parametrize(
    ("other", "line"),
    [
        ({"space": ["lr  0.001 to 0.5 (log)"]}, "space: optimizer  sgd, adam; lr  0.001 to 0.3 (log);"),
        ({CONFIGURATION: {"epochs": 3, "architecture": {"name": "mlp", "depth": 2}}}, "epochs: 2;"),
        ({CONFIGURATION: {"epochs": 2, "architecture": {"name": "mlp", "depth": 1}}}, "architecture.depth: 2;"),
        ({"seeds": [0, 1]}, "seeds: 0;"),
        ({"direction": ["minimize"]}, "direction: maximize;"),
        ({"objective": ["val_loss"]}, "objective: val_accuracy;"),
        ({"code": {"my_parts": "deadbeef"}}, "code.my_parts: 00c0ffee;"),
    ],
)
def test_a_study_is_not_mixed_with_another_search(storage: BulkStorage, other: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        counted_in(storage, "s", MADE_WITH | other)
    (fault,) = caught.value.faults
    assert fault.startswith(f"the study s was made with another {line}")
    assert len(optuna.load_study(study_name="s", storage=storage.rdb).trials) == 2
