"""A process of this machine as a worker, with lanes of its own.

Processes, because PyTorch's threads share one operation and meet after each: that gains nothing for small nets and
costs many times the work itself where other programs use the cores, too. Python's threads wait for each other's lock.

Long, because both sides of the pipe are read together.
"""

import ctypes
import faulthandler
import math
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import warnings
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any

import torch

from hpsearch.components.registry import plugin_parts
from hpsearch.shell import ENDING, LATER, leave_signals
from hpsearch.workers.local import LocalWorker
from hpsearch.workers.memory import keep_freed_memory
from hpsearch.workers.remote import RemoteTraceback, RemoteWorker, WorkerHangs, WorkerLost, answer_of
from hpsearch.workers.worker import Round

SECONDS_FOR_TRACEBACK = 0.5
PR_SET_PDEATHSIG = 1  # of Linux's prctl


class ProcessWorker(RemoteWorker):
    """Trains in another process.

    threads: of its operations. device: the number of the CUDA device that it trains on; None: none. timeout: seconds
    in which it must answer. checkpoint: as of `LocalWorker`. scripts: True if users' functions run there, which see
    this device alone, and may start processes: a group that ends with this worker, and that Ctrl-C does not reach.

    A process of one thread is forked and has the data sets of this one. Neither CUDA nor OpenMP's threads outlive a
    fork, so that one with a device or with more threads is spawned and loads them; so is any once this process has
    used CUDA.
    """

    def __init__(
        self,
        threads: int = 1,
        device: int | None = None,
        timeout: float = math.inf,
        checkpoint: float | None = None,
        scripts: bool = False,
    ) -> None:
        super().__init__()
        self._threads, self._device, self._timeout, self._checkpoint = threads, device, timeout, checkpoint
        self._scripts = scripts
        self._asked_at = math.inf
        self._start()

    def _start(self) -> None:
        self._overdue = False
        self._traceback = tempfile.TemporaryFile()  # noqa: SIM115  # of a crash; open as long as the process
        forks = self._threads == 1 and self._device is None and not torch.cuda.is_initialized()
        context: Any = multiprocessing.get_context("fork" if forks else "spawn")
        self.connection, theirs = context.Pipe()
        other_end = self.connection if forks else None
        parts = [] if forks else sorted({part.part.__module__ for part in plugin_parts()} - {"__main__"})
        fatal = self._traceback.fileno() if forks else None
        handled = [number for number in (*ENDING, *LATER) if callable(signal.getsignal(number))]
        serving = (theirs, other_end, fatal, self._threads, self._device, self._checkpoint, self._scripts, parts)
        self._process = context.Process(target=_serve, args=(*serving, handled), daemon=not self._scripts)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking a process with threads; it uses none
            self._process.start()
        theirs.close()

    def _ask(self, question: str, argument: object) -> None:
        self._asked_at = monotonic()
        with suppress(ConnectionError):  # the answer tells
            self.connection.send_bytes(pickle.dumps((question, argument)))

    def _answer(self) -> Any:
        if not self.connection.poll(None if self._timeout == math.inf else max(0.0, self.seconds_left)):
            self.end_overdue()
        try:
            return pickle.loads(self.connection.recv_bytes())
        except (EOFError, ConnectionError) as error:
            raise WorkerLost from error

    @property
    def answered(self) -> bool:
        return bool(self.connection.poll())

    @property
    def seconds_left(self) -> float:
        """The time in which it has to answer."""
        return self._asked_at + self._timeout - monotonic()

    def end_overdue(self) -> None:
        """Kill the process because it has not answered in time. The answer to the round tells."""
        self._overdue = True
        os.kill(self._process.pid, signal.SIGUSR1)  # its traceback
        self._process.join(SECONDS_FOR_TRACEBACK)
        self._kill()

    def _lost(self, error: WorkerLost) -> Round:
        """The process was killed, or a run has ended it; another one starts."""
        self._end()
        code = self._process.exitcode or 0
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        reason = WorkerLost(f"its process {how}")
        if self._overdue:
            reason = WorkerHangs(f"no answer in hydra.launcher.timeout={self._timeout:g} s")
        self._traceback.seek(0)
        if text := self._traceback.read().decode(errors="replace"):
            reason.__cause__ = RemoteTraceback(text)
        self._traceback.close()
        self._start()
        return Round(lost=reason)

    def close(self) -> None:
        self._end()
        self._traceback.close()

    def _end(self) -> None:
        self._kill()
        self.connection.close()

    def _kill(self) -> None:
        """Kill the process, which may ignore SIGTERM, and those that a user's function has started."""
        if self._scripts:
            with suppress(ProcessLookupError):  # it has made no group yet
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()


def _serve(
    connection: Connection,
    other_end: Connection | None,
    fatal: int | None,
    threads: int,
    device: int | None,
    checkpoint: float | None,
    scripts: bool,
    modules: list[str],
    handled: list[int],
) -> None:
    """Answer until the other end is gone. fatal: the file for the traceback of a crash. modules: those whose parts a
    spawned process does not know yet. handled: the signals that the other process acts on."""
    if other_end is not None:
        other_end.close()  # a copy here would keep it open when the other process is killed
    if fatal is not None:
        faulthandler.enable(fatal, all_threads=False)
        faulthandler.register(signal.SIGUSR1, fatal, all_threads=False)
    leave_signals((signal.SIGINT, *handled))  # Ctrl-C, a closed terminal and a cluster signal both; the other one acts
    if scripts:
        os.setpgid(0, 0)
    _end_with_parent()
    torch.set_num_threads(threads)
    if device is not None and scripts:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        os.environ["CUDA_VISIBLE_DEVICES"] = visible[device] if len(visible) > device and visible[0] else str(device)
    elif device is not None:
        torch.cuda.set_device(device)
    for module in modules:
        import_module(module)
    keep_freed_memory()
    worker = LocalWorker(checkpoint)
    with suppress(EOFError, ConnectionError):
        while True:
            question, argument = pickle.loads(connection.recv_bytes())
            connection.send_bytes(pickle.dumps(answer_of(worker, question, argument)))


def _end_with_parent() -> None:
    """Have Linux end this process if the other one is killed, because it may train for hours before it notices."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
