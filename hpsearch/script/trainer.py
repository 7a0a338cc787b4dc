"""The trainer of scripts. A worker gives it one run at a time, because a function has its process for itself."""

from collections.abc import Collection

from hpsearch.engine.result import History, Result
from hpsearch.script.spec import ScriptSpec
from hpsearch.script.training import Training


class ScriptTrainer:
    """A `Trainer` whose epoch lasts until each function reports the metric."""

    def __init__(self) -> None:
        self._training: dict[int, Training] = {}

    def __len__(self) -> int:
        return len(self._training)

    @property
    def indices(self) -> list[int]:
        return list(self._training)

    def enter(self, index: int, spec: ScriptSpec) -> None:
        self._training[index] = Training(index, spec)

    def epoch(self, resting: Collection[int] = ()) -> dict[int, History]:
        advanced = [index for index, each in self._training.items() if index not in resting and each.advance()]
        return {index: self._training[index].run.history for index in advanced}

    def save(self) -> None:
        """Nothing: a script writes what it needs into `ScriptRun.resume`."""

    def leave(self, pruned: Collection[int] = ()) -> list[tuple[int, Result | Exception]]:
        for index in pruned:
            if index in self._training:
                self._training[index].prune()
        ended = [index for index, each in self._training.items() if each.ended]
        return [(index, self._training.pop(index).outcome()) for index in ended]
