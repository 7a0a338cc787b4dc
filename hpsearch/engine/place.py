"""The hardware that a run trains on, as seen by the process that trains it."""

import platform
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Place:
    """device: cpu, cuda or cuda:N. device_name: of the processor or GPU. threads: of an operation on the processor."""

    device: str
    device_name: str
    threads: int


def place_of(device: "torch.device") -> Place:
    """A device of this process."""
    import torch  # late, because who reads results needs none

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    return Place(str(device), name, torch.get_num_threads())


@cache
def processor() -> str:
    """The name of the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
