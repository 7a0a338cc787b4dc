"""The folders of a sweep: one for each run, ``<number>_<first 8 characters of the key>``."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from hpsearch.record.file import FILE

FOLDER = re.compile(r"(?P<number>\d{3,})_(?P<hash>[0-9a-f]{8})")
BYTES_OF_A_RUN = 64 * 1024  # its folder with record, log and .hydra; 40 epochs take 30 KiB


def fault_of_folder(folder: Path, runs: int, weights: int = 0) -> str | None:
    """One line if the records of runs and so many bytes of weights cannot be written below `folder`, else None."""
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    try:
        tempfile.TemporaryDirectory(dir=there).cleanup()  # because some file systems refuse what the rights allow
    except OSError:
        return f"{folder}: cannot be written; set hydra.sweep.dir=… (for one run hydra.run.dir=…) to a folder that can"
    free = shutil.disk_usage(there).free
    need = runs * BYTES_OF_A_RUN + weights
    if free < need:
        less = ", or keep less: weights=none" if weights else ""
        return f"{folder}: {runs} runs need about {need >> 10} KiB and {free >> 10} KiB are free; make room{less}"
    return None


def run_folders(sweep: Path) -> list[str]:
    """The names of the runs' folders in a sweep's folder, by number."""
    return sorted((name for name in os.listdir(sweep) if FOLDER.fullmatch(name)), key=lambda n: (len(n), n))


def fault_of_sweep(sweep: Path) -> str | None:
    """One line if the folder holds no runs, else None."""
    cure = "name the folder of a sweep, multirun/<name>"
    try:
        there = sweep.is_dir()
    except OSError as error:  # of a name that is too long
        return f"{sweep}: cannot be read ({error.strerror}); {cure}"
    if not there:
        return f"{sweep}: no such folder; {cure}"
    if run_folders(sweep):
        return None
    if (sweep / FILE).exists():
        return f"{sweep}: is the folder of one run; name its sweep's, {sweep.parent}"
    if inside := sorted(path.name for path in sweep.iterdir() if path.is_dir() and run_folders(path)):
        cure = f"name one of those in it: {', '.join(inside[:5])}"
    return f"{sweep}: holds no runs of hpsearch; {cure}"


class Folders:
    """Finds or names the folder of each key in a sweep."""

    def __init__(self, sweep: Path) -> None:
        self._by_hash: dict[str, str] = {}
        self._numbers: set[int] = set()
        for name in os.listdir(sweep) if sweep.is_dir() else ():
            if match := FOLDER.fullmatch(name):
                self._by_hash[match["hash"]] = name
                self._numbers.add(int(match["number"]))

    def name(self, key: str, number: int) -> str:
        """The folder of the run `key`. A new folder takes `number`, or the next free one if that is taken."""
        short = key[:8]
        if short not in self._by_hash:
            if number in self._numbers:
                number = max(self._numbers) + 1
            self._numbers.add(number)
            self._by_hash[short] = f"{number:03d}_{short}"
        return self._by_hash[short]
