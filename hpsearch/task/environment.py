"""Where a run was computed, for its record."""

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from typing import Any

import torch

PACKAGES = ("hpsearch", "torch", "numpy", "hydra-core", "omegaconf", "scikit-learn")


@cache
def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {package: version(package) for package in PACKAGES}


@cache
def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@cache
def _git_commit(folder: str) -> str | None:
    """The commit that `folder` has checked out, "+changes" where tracked files differ from it."""

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=False)

    try:
        commit = git("rev-parse", "HEAD")
        if commit.returncode:
            return None
        changed = git("diff-index", "--quiet", "HEAD", "--").returncode != 0
    except OSError:
        return None
    return commit.stdout.strip() + ("+changes" if changed else "")


def describe(device: torch.device) -> dict[str, Any]:
    """Versions, git commit of the working directory, device and threads."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "versions": _versions(),
        "git_commit": _git_commit(os.getcwd()),
        "device": str(device),
        "device_name": name,
        "threads": torch.get_num_threads(),
    }
