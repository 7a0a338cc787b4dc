"""`hpsearch.main`: a training function of the user's as a command line, in the place of `hydra.main`."""

import multiprocessing
import sys
from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch import shell
from hpsearch.script import function
from hpsearch.script.function import Script, script_of
from hpsearch.streams import transient

if TYPE_CHECKING:
    from hpsearch.cli.interface import Sweep

GOES_ON = "interrupted: the same command, with its name=…, goes on from the runs that have a record"


class ScriptMain:
    """A training function as a command. Call it without arguments to run the command line of this process."""

    def __init__(self, script: Script) -> None:
        self._script = script
        update_wrapper(self, script.function)

    def __call__(self, *given: Any) -> Any:
        """Run the command line; exit codes as of `shell.door`. Given a configuration and a run, call the function.

        Nothing happens in a process that only imports the script, because a file may call this without a guard.
        """
        if given:
            return self._script.function(*given)
        if function.importing or multiprocessing.current_process().name != "MainProcess":
            return None
        with shell.door(GOES_ON):
            transient("starting")
            from hpsearch.cli import command, interrupt

            with interrupt.enabled():
                command.run(sys.argv[1:], self._script)
        return None

    def sweep(self, *overrides: str, folder: str | Path | None = None) -> "Sweep":
        """Run ``python script.py -m <overrides>`` in this process. Raises as `hpsearch.sweep`."""
        from hpsearch.cli import interface

        return interface.sweep(*overrides, folder=folder, script=self._script)

    def train(self, *overrides: str) -> "Sweep":
        """Run ``python script.py <overrides>`` in this process: one run. Raises as `hpsearch.train`."""
        from hpsearch.cli import interface

        return interface.train(*overrides, script=self._script)


def main(
    config_path: str | None = None,
    config_name: str | None = None,
    *,
    metric: str,
    direction: str = "maximize",
    unit: str | None = None,
) -> Callable[[Callable[[Any, Any], object]], ScriptMain]:
    """Make a training function of (configuration, run) a command, in the place of ``hydra.main``.

    config_path: the folder of the configurations, beside the file of the function. config_name: the primary one.
    metric: the name of the value in ``run.log`` that selects, such as val_accuracy. direction: maximize or minimize.
    unit: "%" for a share between 0 and 1 that is shown in percent, "" for a plain number; None: "%" for an accuracy.
    Raises UsageError.
    """

    def decorate(function: Callable[[Any, Any], object]) -> ScriptMain:
        return ScriptMain(script_of(function, metric, direction, unit, config_path, config_name))

    return decorate
