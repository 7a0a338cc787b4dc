"""Facts about this machine and this installation, for a report of a bug."""

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, entry_points, requires, version
from pathlib import Path

import torch

from hpsearch.cli.program import CONF, PACKAGE
from hpsearch.engine.place import place_of
from hpsearch.task import environment
from hpsearch.task.plugins import ENTRY_POINTS


def facts() -> dict[str, str]:
    """Each fact by its name, in the order of reading."""
    described = environment.describe(place_of(torch.device("cpu")))
    return {
        "hpsearch": f"{_version('hpsearch')} in {PACKAGE}, conf in {CONF}",
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "platform": f"{platform.platform()}, {platform.machine()}",
        "processor": f"{described['device_name']}, {_cores()} cores, {torch.get_num_threads()} threads of torch",
        "memory": _memory(),
        "devices": ", ".join(_devices()) or "no CUDA device",
        "git commit": str(described["git_commit"]),
        "folder": str(Path.cwd()),
        "data": os.environ.get("HPSEARCH_DATA") or "data (HPSEARCH_DATA is not set)",
        "plugins": _entry_points("hydra.plugins"),
        "parts": _entry_points(ENTRY_POINTS),
        "packages": ", ".join(f"{name} {found}" for name in _required() if (found := _version(name))),
    }


def _required() -> list[str]:
    """The names of the packages that hpsearch needs, and that its extras need."""
    try:
        lines = requires("hpsearch") or []
    except PackageNotFoundError:
        lines = []
    used = [line for line in lines if not re.search(r"extra == .(bench|test)\b", line)]
    return sorted({re.split(r"[^\w.-]", line)[0] for line in used})


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE")
        total, free = size * os.sysconf("SC_PHYS_PAGES"), size * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows; free pages not on macOS
        return "unknown"
    return f"{total / 2**30:.1f} GiB, {free / 2**30:.1f} GiB free"


def _devices() -> list[str]:
    cuda = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return [f"cuda:{n} {found.name} ({found.total_memory / 2**30:.0f} GiB)" for n, found in enumerate(cuda)]


def _entry_points(group: str) -> str:
    return ", ".join(f"{point.name} = {point.value}" for point in entry_points(group=group)) or "none"
