"""Disks that fail in the middle of a sweep: full, limited, not writable, deleted. Then the same command goes on."""

import random
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.faults.commands import TINY, Ended, ended, left_behind, others, records, run, start
from tests.faults.kills import GRID, SEARCH, TRIALS, faults_of_study

REPORTED = ("-m", *TINY, "epochs=3", "lr=0.1,0.2", "seed=range(3)")
COMMANDS = {"grid": GRID, "search": SEARCH, "report": REPORTED}
KIB = 1024


def limited(folder: Path, arguments: tuple[str, ...], rng: random.Random) -> Ended:
    """No file may grow beyond some KiB."""
    size = rng.choice([0, 2, 4, 8, 32, 64, 128, 200]) * KIB
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size))
    return run(folder, *arguments, preexec_fn=limit)


def deleted(folder: Path, arguments: tuple[str, ...], rng: random.Random) -> Ended:
    """The folder of the sweep is removed at a random moment after it was made."""
    process, sweep = start(folder, *arguments), folder / "multirun" / "s"
    while process.poll() is None and not any(sweep.glob("0*")):
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 2))
    shutil.rmtree(sweep, ignore_errors=True)
    return ended(process)


def full(folder: Path, arguments: tuple[str, ...], rng: random.Random) -> Ended:
    """The disk below ``multirun/`` is full after some KiB."""
    with mounted(folder / "multirun", f"size={rng.choice([200, 400, 700, 1000])}k"):
        return run(folder, *arguments)


def read_only(folder: Path, arguments: tuple[str, ...], rng: random.Random) -> Ended:
    """The disk below ``multirun/`` cannot be written any more, from a random moment on."""
    with mounted(folder / "multirun", "size=64m"):
        process = start(folder, *arguments)
        time.sleep(rng.uniform(0.5, 5))
        subprocess.run(["mount", "-o", "remount,ro", str(folder / "multirun")], check=False, capture_output=True)
        return ended(process)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A file system of its own in `folder`. Afterwards its files are on the disk below."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True, capture_output=True)
    kept = folder.parent / "kept"
    try:
        yield
        shutil.copytree(folder, kept)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    shutil.rmtree(kept)


def can_mount(folder: Path) -> bool:
    """True if this process may mount a file system below `folder`."""
    folder.mkdir(exist_ok=True)
    try:
        with mounted(folder / "try", "size=1m"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


MOUNTED = ("full", "read-only")  # need the right to mount a file system
WAYS: dict[str, Callable[..., Ended]] = {
    "limited": limited,
    "deleted": deleted,
    "full": full,
    "read-only": read_only,
}


def faults_of(folder: Path, way: str, command: str, seed: int, clean: dict[str, Any]) -> list[str]:
    """The faults of a command whose disk fails, a line each. clean: the records of an undisturbed grid."""
    end = WAYS[way](folder, COMMANDS[command], random.Random(seed))
    faults = end.faults(0, 1, 2)
    errors = [line for line in end.err.splitlines() if line.startswith("error: ")]
    if end.code and len(errors) != 1:
        faults.append(f"{len(errors)} lines of errors: {end.err[-200:]}")
    faults += run(folder, *COMMANDS[command]).faults(0)
    if command == "grid":
        faults += others(records(folder), clean)
    if command == "search":
        faults += faults_of_study(folder, TRIALS)
    return faults + left_behind(folder)
