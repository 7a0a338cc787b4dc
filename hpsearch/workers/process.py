"""A process of this machine as a worker, with lanes of its own.

Processes, because PyTorch's threads share one operation and meet after each: that gains nothing for small nets and
costs many times the work itself where other programs use the cores, too. Python's threads wait for each other's lock.
"""

import multiprocessing
import pickle
import signal
import warnings
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

import torch

from hpsearch.components.registry import plugin_parts
from hpsearch.workers.local import LocalWorker
from hpsearch.workers.memory import keep_freed_memory
from hpsearch.workers.remote import RemoteWorker, WorkerLost, answer_of
from hpsearch.workers.worker import Round


class ProcessWorker(RemoteWorker):
    """Trains in another process.

    threads: of its operations. device: the number of the CUDA device that it trains on; None: none.

    A process of one thread is forked and has the data sets of this one. Neither CUDA nor OpenMP's threads outlive a
    fork, so that one with a device or with more threads is spawned and loads them.
    """

    def __init__(self, threads: int = 1, device: int | None = None) -> None:
        super().__init__()
        self._threads, self._device = threads, device
        self._start()

    def _start(self) -> None:
        forks = self._threads == 1 and self._device is None
        context: Any = multiprocessing.get_context("fork" if forks else "spawn")
        self.connection, theirs = context.Pipe()
        other_end = self.connection if forks else None
        parts = [] if forks else sorted({part.part.__module__ for part in plugin_parts()} - {"__main__"})
        serving = (theirs, other_end, self._threads, self._device, parts)
        self._process = context.Process(target=_serve, args=serving, daemon=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking a process with threads; it uses none
            self._process.start()
        theirs.close()

    def _ask(self, question: str, argument: object) -> None:
        with suppress(ConnectionError):  # the answer tells
            self.connection.send_bytes(pickle.dumps((question, argument)))

    def _answer(self) -> Any:
        try:
            return pickle.loads(self.connection.recv_bytes())
        except (EOFError, ConnectionError) as error:
            raise WorkerLost from error

    @property
    def answered(self) -> bool:
        return bool(self.connection.poll())

    def _lost(self, error: WorkerLost) -> Round:
        """The process was killed, or a run has ended it; another one starts."""
        self.close()
        reason = WorkerLost(f"its process ended with code {self._process.exitcode}")
        self._start()
        return Round(lost=reason)

    def close(self) -> None:
        self._process.kill()  # it may ignore SIGTERM
        self._process.join()
        self.connection.close()


def _serve(
    connection: Connection, other_end: Connection | None, threads: int, device: int | None, modules: list[str]
) -> None:
    """Answer until the other end is gone. modules: those whose parts a spawned process does not know yet."""
    if other_end is not None:
        other_end.close()  # a copy here would keep it open when the other process is killed
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the other process to act on
    for number in (signal.SIGTERM, signal.SIGUSR2):  # so is a cluster's signal, which goes to both
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(threads)
    if device is not None:
        torch.cuda.set_device(device)
    for module in modules:
        import_module(module)
    keep_freed_memory()
    worker = LocalWorker()
    with suppress(EOFError, ConnectionError):
        while True:
            question, argument = pickle.loads(connection.recv_bytes())
            connection.send_bytes(pickle.dumps(answer_of(worker, question, argument)))
