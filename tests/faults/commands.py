"""Commands of hpsearch in processes of their own, and the files that they leave."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.record.file import is_temporary, read_record
from hpsearch.record.folders import run_folders

SECONDS = 120  # that a command may take
TINY = ("data=digits", "architecture.width=8", "batch_size=256", "name=s")
OF_THE_TRAINING = ("seconds", "lanes", "environment")  # parts of a record that an interruption may change


@dataclass
class Ended:
    """The end of a command: its exit code and what it printed."""

    code: int
    out: str
    err: str

    def faults(self, *codes: int) -> list[str]:
        """A line for another exit code than these, and for a traceback."""
        said = self.err.strip().splitlines()[-1:]
        wrong = [f"exit code {self.code} in place of {codes}: {said}"] if self.code not in codes else []
        return wrong + (["a traceback"] if "Traceback" in self.err else [])


def start(folder: Path, *arguments: str, **given: Any) -> "subprocess.Popen[str]":
    """Start a command of hpsearch in `folder`, in a process group of its own."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"} | given.pop("environment", {})
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, "-m", "hpsearch", *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **(pipes | given))


def ended(process: "subprocess.Popen[str]") -> Ended:
    """Wait for a command. One that takes too long is killed with its workers, and has the exit code -9."""
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        kill(process)
        out, err = process.communicate()
    return Ended(process.returncode, out, err)


def run(folder: Path, *arguments: str, **given: Any) -> Ended:
    """Start a command and wait for it."""
    return ended(start(folder, *arguments, **given))


def kill(process: "subprocess.Popen[str]") -> None:
    """Kill a command and its workers."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def workers(process: "subprocess.Popen[str]") -> list[int]:
    """The process ids of a command's workers."""
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    return []


def records(folder: Path) -> dict[str, dict[str, Any]]:
    """The records of the sweep s in `folder` by key, without what an interruption may change."""
    sweep = folder / "multirun" / "s"
    found = [read_record(sweep / name) for name in (run_folders(sweep) if sweep.is_dir() else [])]
    return {
        record["key"]: {key: value for key, value in record.items() if key not in OF_THE_TRAINING}
        for record in found
        if record is not None
    }


def others(found: dict[str, Any], clean: dict[str, Any]) -> list[str]:
    """A line for each record that differs from that of a clean sweep."""
    return [f"the record of {key[:8]} is another" for key in found.keys() | clean if found.get(key) != clean.get(key)]


def left_behind(folder: Path) -> list[str]:
    """A line for each temporary file."""
    names = [path.name for path in folder.rglob("*")]
    left = [name for name in names if is_temporary(name) or name.startswith((".claim", "checkpoint"))]
    return [f"left behind: {name}" for name in left]


def twice(found: Sequence[Any]) -> list[str]:
    """A line for each thing that is there more than once."""
    return [f"{thing} is there twice" for thing in dict.fromkeys(found) if list(found).count(thing) > 1]
