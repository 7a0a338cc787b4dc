"""Configurations become runs that can train, or a list of every fault in them."""

import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from hpsearch.record.folders import fault_of_folder
from hpsearch.record.scripts import is_script
from hpsearch.record.shape import fault_of_run
from hpsearch.streams import transient
from hpsearch.task import config, plugins
from hpsearch.task.faults import Faults

if TYPE_CHECKING:
    from hpsearch.script.surroundings import Job
    from hpsearch.workers.run import Run


def prepare(
    cfgs: Iterable[tuple[DictConfig, list[str]]],
    folder: Path | None = None,
    away: bool = False,
    complete: bool = False,
    job: "Job | None" = None,
) -> list["Run"]:
    """The runs of configurations, each given with the overrides that repeat it.

    The settings of all configurations are checked first, because that needs no torch: most mistakes are answered at
    once. Prints a line for each thing in the data that looks wrong. Raises UsageError with every fault, also if
    `folder` has no room for the runs. away: True if the runs train on another machine, which checks its device itself.
    complete: True if these are all runs of a command, so that a key which none of them reads is a fault. job: the
    surroundings of a script's runs; None: Hydra makes them.
    """
    faults, found = Faults(), []
    scripts: list[Run] = []
    for cfg, overrides in cfgs:
        with faults:
            if is_script(cfg):
                from hpsearch.task.script_run import script_run  # late, because of torch

                scripts.append(script_run(cfg, overrides, job))
                continue
            plugins.check(cfg, overrides)
            found.append(config.read(cfg, overrides, faults))
            config.check_finite(found[-1].config, faults)
            if fault := fault_of_run(found[-1].config, overrides):
                faults.lines.append(fault)
    if complete:
        faults.lines += config.unread(found)
    if folder is not None and (fault := fault_of_folder(folder, len(found) + len(scripts))):
        faults.lines.append(fault)
    faults.end()
    if scripts:
        return scripts
    transient("loading PyTorch and the data")
    from hpsearch.task.build import Builder

    builder = Builder(faults, away)
    runs = [run for settings in found if (run := builder.run(settings))]
    from hpsearch.task.weights import size_of

    if folder is not None and runs and (fault := fault_of_folder(folder, len(runs), size_of(runs, found[0].weights))):
        faults.lines.append(fault)
    faults.end()
    for line in builder.datasets.warnings:
        warn(line)
    return runs


@cache
def warn(line: str) -> None:
    """Print a warning, once for each command: a search prepares each of its trials."""
    print(f"warning: {line}", file=sys.stderr)
