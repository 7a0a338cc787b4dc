"""A forked process as a worker: one thread, lanes of its own, the data sets of this process.

Processes, because PyTorch's threads share one operation and meet after each: that gains nothing for small nets and
costs many times the work itself where other programs use the cores, too. Python's threads wait for each other's lock.
"""

import multiprocessing
import pickle
import signal
import traceback
import warnings
from collections.abc import Collection, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import torch

from hpsearch.engine.result import History
from hpsearch.workers.local import LocalWorker
from hpsearch.workers.memory import keep_freed_memory
from hpsearch.workers.worker import Entering, Left, Round


class ForkedWorker:
    """Trains in a process forked from this one."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._stacks: set[Hashable] = set()
        self._histories: dict[int, History] = {}  # of the runs in training; each epoch sends its own numbers alone
        context = multiprocessing.get_context("fork")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._connection), daemon=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking a process with threads; it uses none
            self._process.start()
        theirs.close()

    def _ask(self, question: str, argument: object) -> None:
        with suppress(ConnectionError):  # the answer tells
            self._connection.send_bytes(pickle.dumps((question, argument)))

    def _answer(self) -> Any:
        return pickle.loads(self._connection.recv_bytes())

    def ask_round(self, entering: Sequence[Entering]) -> None:
        self._stacks.update(stack for stack, _, _ in entering)
        self._histories |= {index: History() for _, _, runs in entering for index, _ in runs}
        self._ask("round", entering)

    @property
    def answered(self) -> bool:
        return self._connection.poll()

    def round(self) -> Round:
        """If the process was killed, as a rule for its memory, its stacks raise MemoryError."""
        try:
            answer: Round = [(s, h.received() if isinstance(h, _Raised) else self._grown(h)) for s, h in self._answer()]
        except (EOFError, ConnectionError):
            self.close()
            error = MemoryError(f"its process was ended from outside, with code {self._process.exitcode}")
            answer = [(stack, error) for stack in self._stacks]
            self._start()
        self._stacks = {stack for stack, histories in answer if not isinstance(histories, Exception)}
        return answer

    def _grown(self, epoch: dict[int, tuple[float, ...]]) -> dict[int, History]:
        """The histories of the runs that took part, with the numbers of this epoch."""
        for index, numbers in epoch.items():
            self._histories[index].add(*numbers)
        return {index: self._histories[index] for index in epoch}

    def ask_leave(self, pruned: Collection[int]) -> None:
        self._ask("leave", pruned)

    def leave(self) -> Left:
        try:
            left: Left = [(i, each.received() if isinstance(each, _Raised) else each) for i, each in self._answer()]
        except (EOFError, ConnectionError):
            left = []  # the next round tells
        for index, _ in left:
            del self._histories[index]
        return left

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.terminate()
        self._process.join()
        self._connection.close()


def _serve(connection: Connection, other_end: Connection) -> None:
    """Answer until the other end is gone."""
    other_end.close()  # a copy here would keep it open when the other process is killed
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the other process to act on
    torch.set_num_threads(1)
    keep_freed_memory()
    worker = LocalWorker()
    with suppress(EOFError, ConnectionError):
        while True:
            question, argument = pickle.loads(connection.recv_bytes())
            if question == "round":
                worker.ask_round(argument)
                answer: object = [(stack, _sent(histories)) for stack, histories in worker.round()]
            else:
                worker.ask_leave(argument)
                answer = [(i, _Raised.of(e) if isinstance(e, Exception) else e) for i, e in worker.leave()]
            connection.send_bytes(pickle.dumps(answer))


def _sent(histories: dict[int, History] | Exception) -> object:
    """The part of a stack's answer that is new: whole histories would grow with the square of the epochs."""
    if isinstance(histories, Exception):
        return _Raised.of(histories)
    return {index: history.last for index, history in histories.items()}


class RemoteTraceback(Exception):
    """The cause of an error from another process: the text of its traceback, which pickling drops."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


@dataclass(frozen=True)
class _Raised:
    """An error on its way between processes."""

    error: Exception
    traceback: str

    @classmethod
    def of(cls, error: Exception) -> "_Raised":
        """A RuntimeError takes the place of an error that cannot be pickled."""
        text = "".join(traceback.format_exception(error))
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            error = RuntimeError(f"{type(error).__name__}: {error}")
        return cls(error, text)

    def received(self) -> Exception:
        """The error, caused by its traceback."""
        self.error.__cause__ = RemoteTraceback(self.traceback)
        return self.error
