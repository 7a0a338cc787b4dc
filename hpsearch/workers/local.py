"""This process as a worker. It trains when its results are read."""

from collections.abc import Collection, Hashable, Sequence

from hpsearch.engine.trainer import Trainer
from hpsearch.workers.worker import Entering, Left, Round


class LocalWorker:
    """Trains in this process."""

    answered = False  # reading trains

    def __init__(self) -> None:
        self._trainers: dict[Hashable, Trainer] = {}
        self._entering: Sequence[Entering] = ()
        self._resting: Collection[int] = ()

    def ask_round(self, entering: Sequence[Entering], resting: Collection[int]) -> None:
        self._entering, self._resting = entering, resting

    def round(self) -> Round:
        answer = Round()
        for stack, new_trainer, runs in self._entering:
            try:
                trainer = self._trainers.get(stack) or new_trainer()
                self._trainers[stack] = trainer
                for index, spec in runs:
                    trainer.enter(index, spec)
            except Exception as error:
                answer.raised.append((stack, error))
                self._trainers.pop(stack, None)
        for stack, trainer in list(self._trainers.items()):
            try:
                answer.histories |= trainer.epoch(self._resting)
            except Exception as error:  # whatever a run's arithmetic raises is the failure of that run
                answer.raised.append((stack, error))
                del self._trainers[stack]
        answer.left = self._leave(())
        return answer

    def prune(self, runs: Collection[int]) -> Left:
        return self._leave(runs)

    def _leave(self, pruned: Collection[int]) -> Left:
        left = [each for trainer in self._trainers.values() for each in trainer.leave(pruned)]
        self._trainers = {stack: trainer for stack, trainer in self._trainers.items() if len(trainer)}
        return left

    def close(self) -> None:
        self._trainers = {}
