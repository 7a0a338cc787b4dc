"""Where a run was computed, for its record."""

import os
import platform
import subprocess
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from typing import Any

from hpsearch.engine.place import Place

PACKAGES = ("hpsearch", "torch", "numpy", "hydra-core", "omegaconf", "scikit-learn")


@cache
def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {package: version(package) for package in PACKAGES}


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


def describe(place: Place) -> dict[str, Any]:
    """Versions, git commit of the working directory, device and threads."""
    return {"versions": _versions(), "git_commit": _git_commit(os.getcwd())} | asdict(place)
