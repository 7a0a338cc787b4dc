"""This process as a worker. It trains when its results are read."""

import sys
import traceback
from collections.abc import Collection, Hashable, Sequence
from time import monotonic

from hpsearch.engine.trainer import Trainer
from hpsearch.errors import no_exit
from hpsearch.workers.worker import Entering, Left, Round

SHARE = 0.03  # of the time, at most, for checkpoints


class LocalWorker:
    """Trains in this process."""

    answered = False  # reading trains

    def __init__(self, checkpoint: float | None = None) -> None:
        """checkpoint: seconds between two writings of checkpoints, at least; None: none are written."""
        self._checkpoint, self._due = checkpoint, 0.0 if checkpoint is None else monotonic() + checkpoint
        self._trainers: dict[Hashable, Trainer] = {}
        self._entering: Sequence[Entering] = ()
        self._resting: Collection[int] = ()

    def ask_round(self, entering: Sequence[Entering], resting: Collection[int]) -> None:
        self._entering, self._resting = entering, resting

    def round(self) -> Round:
        answer = self._round()
        for _, error in answer.raised:
            traceback.clear_frames(error.__traceback__)  # their variables hold the tensors of a stack that did not fit
        return answer

    def _round(self) -> Round:
        answer = Round()
        for stack, new_trainer, runs in self._entering:
            try:
                trainer = self._trainers.get(stack) or new_trainer()
                self._trainers[stack] = trainer
                with no_exit():
                    for index, spec in runs:
                        trainer.enter(index, spec)
            except Exception as error:
                answer.raised.append((stack, error))
                self._trainers.pop(stack, None)
        if self._checkpoint is not None and monotonic() > self._due:
            self._save(self._checkpoint)
        for stack, trainer in list(self._trainers.items()):
            try:
                with no_exit():
                    answer.histories |= trainer.epoch(self._resting)
            except Exception as error:  # whatever a run's arithmetic raises is the failure of that run
                answer.raised.append((stack, error))
                del self._trainers[stack]
        answer.left = self._leave(())
        return answer

    def _save(self, seconds: float) -> None:
        """Write checkpoints: at most every so many seconds, and for at most `SHARE` of the time."""
        started = monotonic()
        try:
            for trainer in self._trainers.values():
                trainer.save()
        except OSError as error:  # the sweep goes on without
            print(f"no checkpoints: {error}", file=sys.stderr, flush=True)
            self._checkpoint = None
        self._due = monotonic() + max(seconds, (monotonic() - started) / SHARE)

    def prune(self, runs: Collection[int]) -> Left:
        return self._leave(runs)

    def _leave(self, pruned: Collection[int]) -> Left:
        left = [each for trainer in self._trainers.values() for each in trainer.leave(pruned)]
        self._trainers = {stack: trainer for stack, trainer in self._trainers.items() if len(trainer)}
        return left

    def close(self) -> None:
        self._trainers = {}
