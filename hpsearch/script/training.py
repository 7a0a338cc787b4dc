"""One run in training: its function is called, and stops at each value of the metric until it may go on.

The function has the thread for itself while it runs: a greenlet, so that signals, debuggers and CUDA are as usual.

Long, because each way in which a function may end stands here.
"""

import contextvars
import math
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing import parent_process
from time import perf_counter

import torch
from greenlet import GreenletExit, getcurrent, greenlet

from hpsearch.engine.place import place_of
from hpsearch.engine.result import History, Result
from hpsearch.errors import Exited, reason_of
from hpsearch.script.run import Pruned, ScriptRun
from hpsearch.script.spec import ScriptSpec
from hpsearch.script.surroundings import directory_kept


class Training:
    """The call of a function. Advance it until it has ended."""

    def __init__(self, number: int, spec: ScriptSpec) -> None:
        assert spec.folder is not None
        script = spec.script
        keys = [str(key) for key in spec.config]
        self.run = ScriptRun(spec.folder, spec.seed, script.metric, script.measure, self._check, self._wait, keys)
        self.error: Exception | None = None
        self._number, self._spec, self._pruned, self._seconds = number, spec, False, 0.0
        self._process = os.getpid()
        self._greenlet = greenlet(self._call)
        self._greenlet.gr_context = contextvars.copy_context()

    @property
    def ended(self) -> bool:
        """True if the function has returned or raised."""
        return bool(self._greenlet.dead)

    def advance(self) -> bool:
        """Let the function go on to its next value of the metric; False if it has ended without one."""
        before = len(self.run.rows)
        self._switch()
        return len(self.run.rows) > before

    def prune(self) -> None:
        """End the function by `Pruned`; by GreenletExit if it goes on."""
        self._pruned = True
        if not self.ended:
            self._switch(Pruned(f"after epoch {self.run.rows[-1].epoch}"))
        if not self.ended:
            self._switch(GreenletExit())

    def outcome(self) -> Result | Exception:
        """The result, or the error that the function raised."""
        return self.error if self.error is not None and not self._pruned else self._result()

    def _switch(self, error: BaseException | None = None) -> None:
        started, self._greenlet.parent = perf_counter(), getcurrent()
        try:
            if error is None:
                self._greenlet.switch()
            else:
                self._greenlet.throw(error)
        finally:
            self._seconds += perf_counter() - started

    def _call(self) -> None:
        spec = self._spec
        self.run.folder.mkdir(parents=True, exist_ok=True)
        try:
            with self._surroundings(), _children_end():
                returned = spec.script.function(spec.config, self.run)
            if not self._pruned:
                self.run.end(returned)
        except SystemExit as stop:
            self.error = Exited(f"sys.exit({stop.code!r}) was called")
            self.error.__cause__ = stop
        except Exception as error:
            self.error = error
        except BaseException as raised:
            if self._pruned or (isinstance(raised, KeyboardInterrupt) and parent_process() is None):
                raise  # a KeyboardInterrupt here is Ctrl-C; other processes of ours ignore that
            self.error = Exited(reason_of(raised))
            self.error.__cause__ = raised
        if self.error is not None:
            for each in filter(None, (self.error, self.error.__cause__)):
                traceback.clear_frames(each.__traceback__)  # whose variables may hold a net on a GPU
        with suppress(OSError, ValueError):  # the function may have closed it
            sys.stdout.flush()

    def _surroundings(self) -> AbstractContextManager[None]:
        spec = self._spec
        if spec.job is None:
            return directory_kept()
        return spec.job.surroundings(spec.config, spec.overrides, self._number, self.run.folder)

    def _check(self) -> None:
        """Raise RuntimeError in a process or thread that has no part in the training."""
        if os.getpid() != self._process:
            raise RuntimeError("run.log: must be called by the process that runs the function")
        if getcurrent() is not self._greenlet:
            raise RuntimeError("run.log: must be called by the thread that runs the function")

    def _wait(self) -> None:
        """Called in the function: let the other side go on until it asks for more."""
        self._greenlet.parent.switch()

    def _result(self) -> Result:
        run, measure = self.run, self._spec.script.measure
        rows, history = run.rows, run.history
        judged = next((i for i, row in enumerate(rows) if row.epoch == run.judged_epoch), len(rows) - 1)
        status, reason = "finished", None
        value = history.val_metric[judged]
        if self._pruned:
            status, reason = "pruned", f"pruned after epoch {rows[-1].epoch}"
        elif not math.isfinite(value):
            status, reason = "diverged", f"{self._spec.script.metric} is {value} after epoch {rows[judged].epoch}"
        metrics = dict.fromkeys(measure.columns, math.nan)
        metrics |= {name: v for name, v in rows[judged].values.items() if name.startswith("val_")}
        metrics |= {"train_loss": history.train_loss[judged], "val_loss": history.val_loss[judged], measure.val: value}
        metrics |= run.tested if status == "finished" else {}
        for name in [name.partition("_")[2] for name in metrics]:  # tables have both parts side by side
            metrics = {f"val_{name}": math.nan, f"test_{name}": math.nan} | metrics
        return Result(
            status,
            reason,
            history,
            self._seconds,
            lanes=1,
            epoch=judged + 1,
            metric=measure.name,
            metrics=metrics,
            test_samples=run.tested_samples if status == "finished" else 0,
            curves=self._curves(history),
            place=place_of(torch.device("cuda" if torch.cuda.is_initialized() else "cpu")),  # as the function did
        )

    def _curves(self, history: History) -> dict[str, list[float]]:
        """The curves of all values, by name; "epoch" has the numbers of the epochs."""
        rows = self.run.rows
        names = dict.fromkeys(name for row in rows for name in row.values)
        own = {name: [row.values.get(name, math.nan) for row in rows] for name in names}
        return {"epoch": [float(row.epoch) for row in rows]} | own


@contextmanager
def _children_end() -> Iterator[None]:
    """End a process that was forked inside when it comes out, because it must not go on as its parent."""
    process = os.getpid()
    try:
        yield
    finally:
        if os.getpid() != process:
            error = sys.exc_info()[1]
            code = error.code if isinstance(error, SystemExit) else error
            if error is not None and not isinstance(error, SystemExit):
                traceback.print_exception(error)
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            os._exit(code if isinstance(code, int) else code is not None)
