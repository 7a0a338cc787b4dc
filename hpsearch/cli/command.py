"""A command line of hpsearch, run inside this process."""

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import hydra
from hydra.errors import HydraException
from hydra.utils import execution_whitelist

import hpsearch.engine  # noqa: F401  # before torch: it settles how MKL rounds
from hpsearch.cli import callbacks, command_line, storage_url, trusted
from hpsearch.cli.error_lines import FOUND, Carried, line_of
from hpsearch.cli.own_options import own_options
from hpsearch.cli.program import CONF, Program
from hpsearch.cli.task_function import Task
from hpsearch.errors import GOES_ON, FaultError, NothingStarted, SweepError, UsageError
from hpsearch.record.claim import release_all
from hpsearch.script.function import Script
from hpsearch.task import plugins

COMPLETED = "COMP_LINE"  # the line that a shell completes
FULL_ERROR = "HYDRA_FULL_ERROR"  # with 1, Hydra raises its errors instead of printing them

_one_at_a_time = threading.RLock()  # Hydra keeps its state in singletons


def run(arguments: Sequence[str], script: Script | None = None) -> None:
    """Run what stands behind ``python -m hpsearch``, or behind the name of a script.

    Raises UsageError, SweepError, and KeyboardInterrupt, whose message says how to go on. If the user has set
    ``HYDRA_FULL_ERROR=1``, all other exceptions pass as they are; else those of Hydra and OmegaConf, and any that is
    raised before the configuration is composed, become a UsageError.
    """
    full_errors = os.environ.get(FULL_ERROR) == "1"
    arguments = storage_url.hidden(arguments)
    program = Program.of(arguments, script)
    callbacks.last_sweep, callbacks.script, trusted.own_files = None, script, program.own_files
    with _one_at_a_time, _hydra_raises(program.name, program.arguments), own_options():
        try:
            typed = [*arguments, *os.environ.get(COMPLETED, "").split()]
            trusted.check_search_path(arguments)
            modules = plugins.named(typed) if script is None else []
            if script is None:
                plugins.load(modules, Path.cwd())
            if COMPLETED not in os.environ:
                command_line.check(arguments, CONF if script is None else None)
            with execution_whitelist(trusted.callbacks_of(arguments, modules)):
                hydra.main(str(program.folder), program.config, execution_whitelist=program.targets)(Task(script))()
        except (Exception, Carried) as raised:
            error = raised.error if isinstance(raised, Carried) else raised
            composed = callbacks.last_sweep is not None
            if isinstance(error, NothingStarted):
                return
            if full_errors or isinstance(error, FaultError):
                raise error from None
            if isinstance(error, OSError) and error.filename is not None:  # of a file that Hydra writes by itself
                raise SweepError([f"{error.filename}: {error.strerror}{GOES_ON}"]) from error
            reason = _hydras(error)
            if composed and not isinstance(error, FOUND) and reason is None:
                raise error from None
            raise UsageError([line_of(reason or error)]) from error
        finally:
            callbacks.script, trusted.own_files = None, False
            release_all()


def _hydras(error: BaseException) -> BaseException | None:
    """The part of an error that Hydra raised: for a class that is no plugin, or, inside of logging's own error, for one
    that must not be called."""
    if str(error).startswith("Unknown plugin class") or isinstance(error, HydraException):
        return error
    return None if error.__cause__ is None else _hydras(error.__cause__)


@contextmanager
def _hydra_raises(name: str, arguments: Sequence[str]) -> Iterator[None]:
    """Inside, Hydra reads `arguments` behind the name of a program, and raises its errors."""
    argv, before = sys.argv, os.environ.get(FULL_ERROR)
    sys.argv, os.environ[FULL_ERROR] = [name, *arguments], "1"
    try:
        yield
    finally:
        sys.argv = argv
        if before is None:
            del os.environ[FULL_ERROR]
        else:
            os.environ[FULL_ERROR] = before
