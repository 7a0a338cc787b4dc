"""Configurations become jobs that can run, or a list of what is wrong with them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from hpsearch import record, settings
from hpsearch.faults import Faults

if TYPE_CHECKING:
    from hpsearch.build import Job


def checked(cfgs: Sequence[DictConfig], folder: Path | None = None) -> list["Job"]:
    """The jobs of these configurations. Raises UsageError with every fault in them, or if `folder` has no room.

    The numbers come first, those of all configurations, and only then what needs torch: most mistakes are answered
    at once.
    """
    faults, found = Faults(), []
    for cfg in cfgs:
        with faults:
            found.append(settings.read(cfg, faults))
    if folder is not None and (fault := record.fault_of_folder(folder, len(cfgs))):
        faults.lines.append(fault)
    faults.end()
    from hpsearch.build import Builder

    builder = Builder(faults)
    jobs = [job for one in found if (job := builder.job(one))]
    faults.end()
    return jobs
