"""This process as a worker. It trains when its results are read."""

from collections.abc import Collection, Hashable, Sequence

from hpsearch.engine.trainer import Trainer
from hpsearch.workers.worker import Entering, Left, Round


class LocalWorker:
    """Trains in this process."""

    def __init__(self) -> None:
        self._trainers: dict[Hashable, Trainer] = {}
        self._entering: Sequence[Entering] = ()
        self._pruned: Collection[int] = ()

    def ask_round(self, entering: Sequence[Entering]) -> None:
        self._entering = entering

    @property
    def answered(self) -> bool:
        return not self._trainers and not self._entering

    def round(self) -> Round:
        failed: Round = []
        for stack, new_trainer, runs in self._entering:
            try:
                trainer = self._trainers.get(stack) or new_trainer()
                self._trainers[stack] = trainer
                for index, spec in runs:
                    trainer.enter(index, spec)
            except Exception as error:
                failed.append((stack, error))
                self._trainers.pop(stack, None)
        trained: Round = []
        for stack, trainer in list(self._trainers.items()):
            try:
                trained.append((stack, trainer.epoch()))
            except Exception as error:  # whatever a run's arithmetic raises is the failure of that run
                failed.append((stack, error))
                del self._trainers[stack]
        return failed + trained

    def ask_leave(self, pruned: Collection[int]) -> None:
        self._pruned = pruned

    def leave(self) -> Left:
        left = [each for trainer in self._trainers.values() for each in trainer.leave(self._pruned)]
        self._trainers = {stack: trainer for stack, trainer in self._trainers.items() if len(trainer)}
        return left
