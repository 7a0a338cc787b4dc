"""The checks of the doctor. None of them changes anything that it does not remove again.

Long, because the checks are read as one list.
"""

import hashlib
import io
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import torch

from hpsearch.cli.doctor.check import FAULT, OK, WARNING, Check
from hpsearch.cli.doctor.storage import storage
from hpsearch.errors import FaultError, reason_of
from hpsearch.formatting import duration
from hpsearch.record.claim import Claim, has_ended
from hpsearch.record.file import load_record
from hpsearch.record.folders import run_folders

LEAST_FREE = 2**28  # bytes; 45 runs with reports take a few MiB
UNUSED = ("bench", "test")  # extras for those who work on hpsearch itself
TINY = ("data=digits", "architecture.width=8", "batch_size=256", "epochs=2", "device=cpu", "report=false")
FEW_PROCESSES = ("hydra.launcher.processes=1", "weights=none")


def checks(url: str | None) -> Iterator[Check]:
    """Each check, as it ends. url: of a storage to check; None for that of the working directory."""
    yield from _safe("packages", packages)
    yield from _safe("plugins", plugins)
    yield from _safe("devices", devices)
    yield from _safe("data", data)
    yield from _safe("folder", folder)
    yield from _safe("storage", lambda: storage(url))
    yield from _safe("training", training)


def _safe(name: str, check: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """The results of a check; its exception is a fault."""
    try:
        yield from check()
    except FaultError as error:
        yield from (Check(name, FAULT, fault) for fault in error.faults)
    except Exception as error:
        yield Check(name, FAULT, f"raises {reason_of(error)}", "report it as a bug, with all of this output")


def packages() -> Iterator[Check]:
    """The packages that hpsearch and its extras need, and their versions."""
    from packaging.requirements import Requirement

    try:
        lines = requires("hpsearch") or []
    except PackageNotFoundError:
        yield Check("packages", FAULT, "hpsearch is not installed", "pip install -e . in its folder")
        return
    wrong, absent, fitting = False, dict[str, list[str]](), 0
    for requirement in map(Requirement, lines):
        found = re.search(r"extra == .(\w+)", str(requirement.marker))
        extra = found[1] if found else ""
        if extra in UNUSED or (requirement.marker and not requirement.marker.evaluate({"extra": extra})):
            continue
        try:
            has = version(requirement.name)
        except PackageNotFoundError:
            absent.setdefault(extra, []).append(requirement.name)
            continue
        if requirement.specifier.contains(has, prereleases=True):
            fitting += 1
        else:
            wrong, bounds = True, f"{requirement.name}{requirement.specifier}"
            yield Check(
                "packages", WARNING if extra else FAULT, f"{requirement.name} {has} is not {bounds}",
                f"pip install '{bounds}'",
            )  # fmt: skip
    if missing := absent.pop("", []):
        yield Check("packages", FAULT, f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    elif not wrong:
        yield Check("packages", OK, f"all {fitting} within their bounds")
    for extra, names in absent.items():
        yield Check("packages", OK, f"optional: no {', '.join(names)}; pip install 'hpsearch[{extra}]' if you need it")


def plugins() -> Iterator[Check]:
    """Hydra's plugins of hpsearch, and installed plugins for it."""
    from hydra.core.plugins import Plugins
    from hydra.plugins.launcher import Launcher
    from hydra.plugins.sweeper import Sweeper

    from hpsearch.task import plugins as parts

    found = {each.__name__ for kind in (Launcher, Sweeper) for each in Plugins.instance().discover(kind)}
    missing = {"StackedLauncher", "OptunaSweeper"} - found
    cure = "pip install -e . again, because its entry points are not those of this version"
    yield (
        Check("plugins", FAULT, f"Hydra does not find {', '.join(sorted(missing))}", cure)
        if missing
        else Check("plugins", OK, "Hydra finds launcher and sweeper")
    )
    if points := parts.installed():
        parts.load([], Path.cwd())
        yield Check("plugins", OK, f"parts of {', '.join(point.name for point in points)} are registered")


def devices() -> Iterator[Check]:
    """A product of matrices on each device."""
    a = torch.arange(64 * 64, dtype=torch.float64).reshape(64, 64).sin()
    for name in ("cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))):
        started = time.perf_counter()
        try:
            right = torch.allclose((a.float().to(name) @ a.float().to(name)).cpu().double(), a @ a, atol=0.05)
        except RuntimeError as error:
            yield Check("devices", FAULT, f"{name}: {reason_of(error)}", f"device=cpu goes without it; is {name} free?")
            continue
        seconds = duration(time.perf_counter() - started)
        cure = "do not train there" if not right else ""
        yield Check(
            "devices", OK if right else FAULT, f"{name} multiplies {'' if right else 'WRONGLY, '}in {seconds}", cure
        )
    if not torch.cuda.is_available() and shutil.which("nvidia-smi"):
        cure = "install the CUDA build of torch, and see that nvidia-smi runs"
        yield Check("devices", WARNING, f"there is an NVIDIA driver, but torch {torch.__version__} sees no GPU", cure)


def data() -> Iterator[Check]:
    """The data sets that lie here."""
    from hpsearch.components.data.builtin import DATASETS
    from hpsearch.components.data.mnist_archives import UNPACKED

    rows = DATASETS["digits"](validation=300, test=300, split_seed=0)
    right = len(rows) == 1797
    yield Check(
        "data",
        OK if right else FAULT,
        f"digits has {len(rows):,} rows",
        "" if right else "pip install -U --force-reinstall scikit-learn",
    )
    root = Path(os.environ.get("HPSEARCH_DATA") or "data")
    for name, files in UNPACKED.items():
        folder = root / name / "raw"
        there = [file for file in files if (folder / file).is_file()]
        damaged = [file for file in there if hashlib.sha256((folder / file).read_bytes()).hexdigest() != files[file]]
        if damaged:
            cure = f"delete them, and the next run unpacks or downloads them again: {folder}"
            yield Check("data", FAULT, f"{name}: {', '.join(damaged)} are not the official files", cure)
        elif len(there) == len(files):
            yield Check("data", OK, f"{name} in {folder} is complete, and its checksums are right")
        else:
            yield Check("data", OK, f"{name} is not in {folder}; the first run that needs it downloads it")


def folder() -> Iterator[Check]:
    """Room, and files that can be written and locked, where sweeps go."""
    path = Path("multirun") if Path("multirun").is_dir() else Path.cwd()
    cure = "work in another folder, or set hydra.sweep.dir=…"
    free = shutil.disk_usage(path).free
    enough = free >= LEAST_FREE
    yield Check("folder", OK if enough else WARNING, f"{free / 2**30:.1f} GiB are free", "" if enough else "make room")
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=path) as made:
            claim = Claim(Path(made), shares=False)
            locks = has_ended(Path(made), claim.token) is False
            claim.release()
    except (OSError, FaultError) as error:
        yield Check("folder", FAULT, f"{path.absolute()} cannot be written ({error})", cure)
        return
    yield Check("folder", OK, f"{path.absolute()} can be written")
    if locks:
        yield Check("folder", OK, "files can be locked there")
    else:
        said = "files cannot be locked there, so two commands might train the same runs"
        yield Check("folder", WARNING, said, "start no two commands with one name=…, or use another file system")


def training() -> Iterator[Check]:
    """Two lanes of a stack and one run alone, through the public functions."""
    from hpsearch.cli.interface import sweep

    started = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="hpsearch-doctor-") as made,
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()),
    ):
        pair, alone = Path(made) / "pair", Path(made) / "alone"
        sweep(*TINY, *FEW_PROCESSES, "lr=0.1,0.2", "name=pair", folder=pair)
        sweep(*TINY, "weights=none", "lr=0.2", "name=alone", folder=alone)
        records = [load_record(pair / name) for name in run_folders(pair)]
        single = load_record(alone / run_folders(alone)[0])
    lane = next(record for record in records if record["key"] == single["key"])
    said = f"a stack of {lane['lanes']} lanes and a run alone, in {duration(time.perf_counter() - started)}"
    if lane["history"] == single["history"] and lane["metrics"] == single["metrics"]:
        yield Check("training", OK, f"{said}: equal bit for bit")
    else:
        yield Check("training", FAULT, f"{said}: NOT equal", "report it as a bug, with all of this output")
