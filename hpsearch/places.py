"""Where stacks train: in this process, or in one process for each core, with lanes of its own.

PyTorch's own threads share one operation and meet after each, which gains nothing for small nets and costs many times
the work itself where other programs use the cores, too. Python's threads wait for each other's lock. Processes that
train different lanes meet once an epoch.
"""

import multiprocessing
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.pool import ExceptionWithTraceback  # type: ignore[attr-defined]
from typing import Any, Protocol

import torch

from hpsearch.engine import History, Result, Training
from hpsearch.fit import Fitting

Start = Callable[[], Training | Fitting]
Entering = tuple[Hashable, Start, list[tuple[int, Any]]]  # a stack, how it is made, runs with their numbers
Round = list[tuple[Hashable, dict[int, History] | Exception]]  # of each stack that trains there
Left = list[tuple[int, Result]]


class Place(Protocol):
    """It is asked and answers later, so that all places work at the same time."""

    def ask_round(self, entering: Sequence[Entering]) -> None:
        """Runs take lanes, and all lanes train an epoch. A stack that raises anything is given up with its runs."""

    @property
    def answered(self) -> bool:
        """Whether the answer is there."""

    def round(self) -> Round:
        """The answer."""

    def ask_leave(self, pruned: Collection[int]) -> None:
        """Runs that are finished, have diverged or are `pruned` leave."""

    def leave(self) -> Left:
        """The answer."""


class Here:
    """This process."""

    def __init__(self) -> None:
        self._stacks: dict[Hashable, Training | Fitting] = {}
        self._entering: Sequence[Entering] = ()
        self._pruned: Collection[int] = ()

    def ask_round(self, entering: Sequence[Entering]) -> None:
        """As `Place.ask_round`."""
        self._entering = entering

    @property
    def answered(self) -> bool:
        """As `Place.answered`: it trains when it is to answer."""
        return not self._stacks and not self._entering

    def round(self) -> Round:
        """As `Place.round`."""
        failed: Round = []
        for stack, start, runs in self._entering:
            try:
                training = self._stacks.get(stack) or start()
                self._stacks[stack] = training
                for index, run in runs:
                    training.enter(index, run)
            except Exception as error:
                failed.append((stack, error))
                self._stacks.pop(stack, None)
        trained: Round = []
        for stack, training in list(self._stacks.items()):
            try:
                trained.append((stack, training.epoch()))
            except Exception as error:  # whatever a run's own arithmetic raises is that run's failure
                failed.append((stack, error))
                del self._stacks[stack]
        return failed + trained

    def ask_leave(self, pruned: Collection[int]) -> None:
        """As `Place.ask_leave`."""
        self._pruned = pruned

    def leave(self) -> Left:
        """As `Place.leave`."""
        left = [each for training in self._stacks.values() for each in training.leave(self._pruned)]
        self._stacks = {stack: training for stack, training in self._stacks.items() if len(training)}
        return left


class Beside:
    """Another process with one thread, forked from this one: it shares the data sets that are loaded."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._stacks: set[Hashable] = set()
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
        """As `Place.ask_round`."""
        self._stacks.update(stack for stack, _, _ in entering)
        self._ask("round", entering)

    @property
    def answered(self) -> bool:
        """As `Place.answered`."""
        return self._connection.poll()

    def round(self) -> Round:
        """As `Place.round`. Where the process was killed, for its memory as a rule, all its stacks have raised."""
        try:
            answer: Round = self._answer()
        except (EOFError, ConnectionError):
            self.close()
            error = MemoryError(f"its process was ended from outside, with code {self._process.exitcode}")
            answer = [(stack, error) for stack in self._stacks]
            self._begin()
        self._stacks = {stack for stack, histories in answer if not isinstance(histories, Exception)}
        return answer

    def ask_leave(self, pruned: Collection[int]) -> None:
        """As `Place.ask_leave`."""
        self._ask("leave", pruned)

    def leave(self) -> Left:
        """As `Place.leave`."""
        try:
            left: Left = self._answer()
        except (EOFError, ConnectionError):
            left = []  # the next round tells
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
    here = Here()
    with suppress(EOFError, ConnectionError):
        while True:
            question, argument = pickle.loads(connection.recv_bytes())
            if question == "round":
                here.ask_round(argument)
                answer: object = [(s, _sendable(h) if isinstance(h, Exception) else h) for s, h in here.round()]
            else:
                here.ask_leave(argument)
                answer = here.leave()
            connection.send_bytes(pickle.dumps(answer))


def _sendable(error: Exception) -> object:
    """The error with its traceback as its cause; another one in its place if it cannot be pickled."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}").with_traceback(error.__traceback__)
    return ExceptionWithTraceback(error, error.__traceback__)


def processes(runs: int) -> int:
    """How many processes train so many runs at a time on the CPU: one a core if there is a run for each."""
    cores = torch.get_num_threads()
    return cores if sys.platform == "linux" and cores <= runs else 1  # elsewhere none can be forked, or not safely


@contextmanager
def places(runs: int) -> Iterator[tuple[Place, list[Place]]]:
    """This process, and the places for so many runs at a time on the CPU."""
    here, count = Here(), processes(runs)
    beside = [Beside() for _ in range(count)] if count > 1 else []
    try:
        yield here, [*beside] or [here]
    finally:
        for place in beside:
            place.close()
