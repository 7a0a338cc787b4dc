"""The folders of a sweep: one for each run, ``<number>_<first 8 characters of the key>``."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from hpsearch.errors import write_errors
from hpsearch.record.claim import locked
from hpsearch.record.file import FILE, read_record
from hpsearch.record.shape import Record

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
    """The names of the runs' folders in a sweep's folder, by number. A file or link of such a name is none."""
    with os.scandir(sweep) as entries:
        names = [each.name for each in entries if FOLDER.fullmatch(each.name) and each.is_dir(follow_symlinks=False)]
    return sorted(names, key=lambda name: (len(name), name))


def other_names(sweep: Path) -> list[str]:
    """The names of runs' folders that are no folder but a file or link: nothing is read or written there."""
    return sorted({name for name in os.listdir(sweep) if FOLDER.fullmatch(name)} - set(run_folders(sweep)))


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
    """Finds or makes the folder of each key in a sweep.

    Keys may begin alike: a folder belongs to the key of its record, and without one to the first key that asks for it.
    """

    def __init__(self, sweep: Path, shared: bool = False) -> None:
        """shared: True if other commands make folders there, too."""
        self._sweep, self._shared = sweep, shared
        self._keys: dict[str, str] = {}  # of the folders that were given out
        self._list()

    def _list(self) -> None:
        self._by_hash: dict[str, list[str]] = {}
        self._numbers: set[int] = set()
        for name in run_folders(self._sweep) if self._sweep.is_dir() else ():
            self._note(name)
        for name in other_names(self._sweep) if self._sweep.is_dir() else ():
            self._numbers.add(int(name.partition("_")[0]))

    def _note(self, name: str) -> None:
        number, _, short = name.partition("_")
        self._by_hash.setdefault(short, []).append(name)
        self._numbers.add(int(number))

    def find(self, key: str, number: int) -> tuple[str, Record | None]:
        """The name of the folder of the run `key`, and its record if it has a valid one. A new folder takes `number`,
        or the next free one if that is taken."""
        for name in self._by_hash.get(key[:8], ()):
            record = read_record(self._sweep / name)
            if key == (self._keys.setdefault(name, key) if record is None else record["key"]):
                return name, record
        if number in self._numbers:
            number = max(self._numbers) + 1
        name = f"{number:03d}_{key[:8]}"
        self._note(name)
        self._keys[name] = key
        return name, None

    def make(self, key: str, number: int) -> Path:
        """Find or make the folder of the run `key`. Raises SweepError if it cannot be made."""
        with write_errors(self._sweep):
            self._sweep.mkdir(parents=True, exist_ok=True)
            with locked(self._sweep):
                if self._shared:
                    self._list()
                folder = self._sweep / self.find(key, number)[0]
                folder.mkdir(exist_ok=True)
        return folder
