"""The run that a training function is given: it reports to it, and finds its files by it.

Long, because every call that a script makes stands here.
"""

import json
import math
import random
import re
import shutil
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpsearch.engine.result import History
from hpsearch.record.file import read_plain, write_text
from hpsearch.record.measure import Measure
from hpsearch.script.function import plain_name

RESUME = "resume"  # in a run's folder, until it has ended
CURVE = "hpsearch.json"  # in there: the rows of the curve so far
TEST = "test_"
RESERVED = ("epoch",)  # the curve's own column


class Pruned(Exception):
    """Raised by `ScriptRun.log` in a run that need not go on, because others are better. Let it pass."""


@dataclass
class Row:
    """The values of one epoch, by name."""

    epoch: int
    values: dict[str, float] = field(default_factory=dict)


class ScriptRun:
    """One run. A script is given it, and makes none itself.

    folder: for files of the script's own. seed: of the configuration.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        metric: str,
        measure: Measure,
        check: Callable[[], None],
        wait: Callable[[], None],
        keys: Collection[str] = (),
    ) -> None:
        """metric: the name of the value that selects. check: called before values are taken; raises RuntimeError.
        wait: called with each new value of the metric; raises Pruned. keys: of the configuration, which no value may
        have for a name."""
        self.folder, self.seed = folder, seed
        self.rows: list[Row] = []  # complete: with the metric
        self.tested: dict[str, float] = {}
        self.tested_samples = 0
        self.judged_epoch: int | None = None
        self._metric, self._measure, self._keys = metric, measure, keys
        self._check, self._wait = check, wait
        self._pending: dict[str, float] = {}
        self._history = History()
        self._last = -math.inf
        self._earlier = self._read()
        self._resumes = False

    def log(self, epoch: int, /, **values: Any) -> None:
        """Report numbers of an epoch, or of a step that counts up. Those without the metric wait for it.

        Raises Pruned when the pruner ends the run, and ValueError for numbers that it cannot take.
        """
        self._check()
        epoch = _whole(epoch, "run.log: the epoch")
        if epoch < self._last:
            raise ValueError(f"run.log: epoch {epoch} comes after epoch {self._last}; epochs must not fall")
        self._last = epoch
        found = self._numbers(values, "run.log")
        if taken := [name for name in found if name in RESERVED]:
            raise ValueError(f"run.log: {taken[0]}={found[taken[0]]:g}: is the column of the number that comes first")
        if self._earlier:
            self.rows, self._earlier = [row for row in self._earlier if row.epoch < epoch], []
        ended = bool(self.rows) and self.rows[-1].epoch == epoch
        if self._metric not in found:
            (self.rows[-1].values if ended else self._pending).update(found)
            return
        if ended:
            raise ValueError(f"run.log: {self._metric} of epoch {epoch} comes a second time; count steps instead")
        self._check_share(self._metric, found[self._metric], "run.log")
        self.rows.append(Row(epoch, self._pending | found))
        self._pending = {}
        if self._resumes:
            self._write()
        self._wait()

    def finish(self, *, epoch: int | None = None, test_samples: int | None = None, **values: Any) -> None:
        """Report numbers of the test part. They are never selected on.

        epoch: the one whose net was tested, and whose validation counts; None: the last. test_samples: the rows of the
        test part, if an interval for an accuracy is wanted. A name gets ``test_`` in front unless it has it. Raises
        ValueError.
        """
        self.rows = self.rows or self._earlier  # an attempt before has trained to the end
        if epoch is not None and epoch not in [row.epoch for row in self.rows]:
            raise ValueError(f"run.finish: epoch={epoch}: has no {self._metric}; name an epoch that has")
        samples = self.tested_samples if test_samples is None else _whole(test_samples, "run.finish: test_samples")
        if samples < 0:
            raise ValueError(f"run.finish: test_samples={test_samples}: must be at least 0")
        tested = {name if name.startswith(TEST) else f"{TEST}{name}": value for name, value in values.items()}
        found = self._numbers(tested, "run.finish")
        if self._measure.test in found:
            self._check_share(self._measure.test, found[self._measure.test], "run.finish")
        self.tested |= found
        self.judged_epoch = self.judged_epoch if epoch is None else epoch
        self.tested_samples = samples

    def _numbers(self, values: dict[str, Any], call: str) -> dict[str, float]:
        found = numbers_of(values, call)
        if taken := [name for name in found if name in self._keys]:
            raise ValueError(f"{call}: {taken[0]}: is a key of the configuration, so the value needs another name")
        return found

    def _check_share(self, name: str, value: float, call: str) -> None:
        if self._measure.in_percent and not (math.isnan(value) or 0 <= value <= 1):
            cure = "give hpsearch.main(…, unit='') for another scale"
            raise ValueError(f"{call}: {name}={value:g}: must be a share between 0 and 1, shown in %; {cure}")

    @property
    def resume(self) -> Path:
        """A folder for what an interrupted attempt leaves to the next one, such as a checkpoint. It is removed when the
        run has finished or was pruned. If the next attempt reports from epoch k on, the epochs before k are kept."""
        folder = self.folder / RESUME
        folder.mkdir(parents=True, exist_ok=True)
        self._resumes = True
        return folder

    def seed_everything(self) -> int:
        """Seed Python's, NumPy's and PyTorch's random numbers with the run's seed; returns it."""
        import numpy as np
        import torch

        random.seed(self.seed)
        np.random.seed(self.seed % 2**32)
        torch.manual_seed(self.seed)
        return self.seed

    @property
    def history(self) -> History:
        """The curve so far, as a pruner reads it. Of the rows that it has already only the last may have changed."""
        found = self._history
        for curve in (found.train_loss, found.val_loss, found.val_metric):
            del curve[-1:]
        for row in self.rows[len(found.val_metric) :]:
            value, loss = row.values[self._metric], row.values.get("val_loss", math.nan)
            found.add(row.values.get("train_loss", math.nan), value if self._measure.name == "loss" else loss, value)
        return found

    def end(self, returned: object) -> None:
        """The function has returned. What it returns stands for the metric if none was reported."""
        self.rows = self.rows or self._earlier
        if not self.rows and returned is None:
            raise ValueError(f"the function has ended without run.log(epoch, {self._metric}=…)")
        if not self.rows:
            self._wait = lambda: None
            try:
                self.log(1, **{self._metric: returned})
            except ValueError as error:
                raise ValueError(f"{error}; the function has returned it, without run.log") from None

    def _write(self) -> None:
        rows = [[row.epoch, row.values] for row in self.rows]
        write_text(self.folder / RESUME / CURVE, json.dumps(rows))

    def _read(self) -> list[Row]:
        with suppress(OSError, ValueError, TypeError):  # there is none, or it is damaged: the run begins anew
            rows = json.loads(read_plain(self.folder / RESUME / CURVE))
            return [Row(int(epoch), numbers_of(values, CURVE)) for epoch, values in rows if self._metric in values]
        return []


def remove_resume(folder: Path) -> None:
    """Remove what a run has left for another attempt."""
    with suppress(OSError):
        shutil.rmtree(folder / RESUME)


def _whole(value: Any, called: str) -> int:
    """A whole number, also one of NumPy's or PyTorch's. Raises ValueError."""
    try:
        if not isinstance(value, (bool, str)) and int(value) == value:
            return int(value)
    except (TypeError, ValueError, OverflowError):  # of nan and infinity
        pass
    raise ValueError(f"{called} must be a whole number, not {value!r}")


def numbers_of(values: dict[str, Any], call: str) -> dict[str, float]:
    """Values as numbers, by their names in records. Raises ValueError."""
    found: dict[str, float] = {}
    for name, value in values.items():
        named = plain_name(name)
        if not re.match(r"[A-Za-z_]", named):
            raise ValueError(f"{call}: {name!r}: a name must begin with a letter")
        try:
            found[named] = float(value.detach() if hasattr(value, "detach") else value)
        except (TypeError, ValueError, RuntimeError):  # PyTorch's is a RuntimeError
            raise ValueError(f"{call}: {name}={value!r}: must be a number") from None
        except OverflowError:
            raise ValueError(f"{call}: {name}: is too large for a number of 64 bits") from None
    return found
