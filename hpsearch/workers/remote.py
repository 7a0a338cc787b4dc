"""A worker in another process: the part that does not depend on the way to it."""

import pickle
import traceback
from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Sequence, Set
from dataclasses import dataclass
from typing import Any

from hpsearch.engine.result import History, Result
from hpsearch.errors import message_of
from hpsearch.workers.local import LocalWorker
from hpsearch.workers.worker import Entering, Left, Round


class WorkerLost(Exception):
    """The process of a worker has ended, or does not answer."""


class WorkerHangs(WorkerLost):
    """A worker has not answered in time, so that one of its runs is suspected at once."""


class RemoteWorker(ABC):
    """Asks a `LocalWorker` in another process, which answers by `answer_of`."""

    def __init__(self) -> None:
        self._histories: dict[int, History] = {}  # by number of a run in training

    @abstractmethod
    def _ask(self, question: str, argument: object) -> None:
        """Send a question; returns at once."""

    @abstractmethod
    def _answer(self) -> Any:
        """The answer to the last question. Raises WorkerLost."""

    @abstractmethod
    def _lost(self, error: WorkerLost) -> Round:
        """The answer to a round of a worker that is lost."""

    def ask_round(self, entering: Sequence[Entering], resting: Collection[int]) -> None:
        self._histories |= {index: History() for _, _, runs in entering for index, _ in runs}
        self._ask("round", (entering, resting))

    def round(self) -> Round:
        try:
            sent: _Sent = self._answer()
        except WorkerLost as error:
            self._histories = {}
            return self._lost(error)
        for index, epochs in sent.epochs.items():
            for numbers in epochs:
                self._histories[index].add(*numbers)
        histories = {index: self._histories[index] for index in sent.epochs}
        raised = [(stack, error.received()) for stack, error in sent.raised]
        return Round(histories, self._received(sent.left), raised)

    def prune(self, runs: Collection[int]) -> Left:
        self._ask("prune", runs)
        try:
            return self._received(self._answer())
        except WorkerLost:
            return []  # the next round tells

    def _received(self, sent: "_LeftSent") -> Left:
        for index, _ in sent:
            del self._histories[index]
        return [(index, each.received() if isinstance(each, _Raised) else each) for index, each in sent]


def answer_of(worker: LocalWorker, question: str, argument: Any) -> object:
    """The answer to a question of a `RemoteWorker`, in the other process."""
    if question == "round":
        worker.ask_round(*argument)
        entering: Sequence[Entering] = argument[0]
        return _Sent.of(worker.round(), {index for _, _, runs in entering for index, _ in runs})
    return _left_sent(worker.prune(argument))


class RemoteTraceback(Exception):
    """The cause of an error from another process: the text of its traceback, which pickling drops."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


@dataclass(frozen=True)
class _Raised:
    """An error on its way between processes. pickled: empty if it cannot be pickled. text: of the error."""

    pickled: bytes
    text: str
    traceback: str

    @classmethod
    def of(cls, error: Exception) -> "_Raised":
        try:
            pickled = pickle.dumps(error)
        except Exception:
            pickled = b""
        text = f"{type(error).__name__}: {message_of(error)}"
        return cls(pickled, text, "".join(traceback.format_exception(error)))

    def received(self) -> Exception:
        """The error, caused by its traceback. A RuntimeError takes the place of one that cannot be made here, because
        its class may live in a module that only the other process can import."""
        try:
            error = pickle.loads(self.pickled)
            error.__cause__ = RemoteTraceback(self.traceback)
        except Exception:
            error = RuntimeError(self.text)
            error.__cause__ = RemoteTraceback(self.traceback)
        return error  # type: ignore[no-any-return]


_LeftSent = list[tuple[int, Result | _Raised]]


def _left_sent(left: Left) -> _LeftSent:
    return [(index, _Raised.of(each) if isinstance(each, Exception) else each) for index, each in left]


@dataclass(frozen=True)
class _Sent:
    """A `Round` on its way between processes: with the numbers of the last epoch alone, because whole histories would
    grow with the square of the epochs. A run that has entered may bring earlier epochs from its checkpoint."""

    epochs: dict[int, list[tuple[float, float, float]]]
    left: _LeftSent
    raised: list[tuple[Hashable, _Raised]]

    @classmethod
    def of(cls, answer: Round, entered: Set[int]) -> "_Sent":
        epochs = {index: each.since(0 if index in entered else -1) for index, each in answer.histories.items()}
        return cls(epochs, _left_sent(answer.left), [(stack, _Raised.of(error)) for stack, error in answer.raised])
