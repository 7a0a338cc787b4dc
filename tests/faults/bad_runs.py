"""A bad run of each sort in a random lane of 45: it fails alone."""

import random
from pathlib import Path
from typing import Any

from hpsearch.record.folders import run_folders
from tests.faults.commands import TINY, ended, left_behind, others, records, start

PLUGIN = '''
import ctypes, os, signal, sys, time
from dataclasses import dataclass
import numpy as np
import torch
from hpsearch.components.registry import register

FATAL = {
    "nan": lambda: None,
    "raise": lambda: 1 / 0,
    "memory": lambda: torch.empty(10**15),
    "exit": lambda: sys.exit(3),
    "abort": os.abort,
    "segfault": lambda: ctypes.string_at(0),
    "hang": lambda: time.sleep(1000),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


@register("optimizer", "fatal")
@dataclass(frozen=True)
class Fatal:
    """SGD that does something fatal in its second epoch, for one learning rate."""

    buffers = ()
    kind = "fatal"

    def values(self, lr, step):
        sort = os.environ.get("FATAL_SORT")  # here, because a value of the module would make it another run
        if sort and step[0] > 1 and np.isclose(lr, float(os.environ["FATAL_LR"])).any():
            FATAL[sort]()
            lr = lr * np.nan
        return {"lr": lr}

    @staticmethod
    def update(p, grad, state, values):
        p.sub_(values["lr"] * grad)
'''
SORTS = {  # of bad runs, and the status and the reason of its record
    "nan": ("diverged", "loss is nan"),
    "raise": ("failed", "ZeroDivisionError"),
    "memory": ("failed", "RuntimeError"),
    "exit": ("failed", "sys.exit(3) was called"),
    "abort": ("failed", "SIGABRT"),
    "segfault": ("failed", "SIGSEGV"),
    "hang": ("failed", "hydra.launcher.timeout"),
    "killed": ("failed", "SIGKILL"),
}
RATES = [round(0.01 * number, 2) for number in range(1, 46)]
GRID = (
    *("-m", *TINY, "plugins=[fatal_parts]", "optimizer=fatal", "epochs=4", "report=false", "hydra.launcher.timeout=2"),
    f"lr={','.join(map(str, RATES))}",
)


def clean_grid(folder: Path) -> dict[str, Any]:
    """The records of the 45 runs without a bad one."""
    (folder / "fatal_parts.py").write_text(PLUGIN)
    end = ended(start(folder, *GRID))
    assert end.code == 0, end.err
    return records(folder)


def faults_of(folder: Path, sort: str, seed: int, clean: dict[str, Any]) -> list[str]:
    """The faults of a sweep with a bad run of a sort in a random lane, a line each. clean: of `clean_grid`."""
    bad = random.Random(seed).choice(RATES)
    (folder / "fatal_parts.py").write_text(PLUGIN)
    end = ended(start(folder, *GRID, environment={"FATAL_SORT": sort, "FATAL_LR": str(bad)}))
    found, (status, reason) = records(folder), SORTS[sort]
    (key,) = (key for key, record in found.items() if record["config"]["lr"] == bad)
    record = found.pop(key)
    faults = end.faults(0 if status == "diverged" else 1) + left_behind(folder)
    if (record["status"], reason in record["reason"]) != (status, True):
        faults.append(f"the bad run: {record['status']}, {record['reason']}")
    sweep = folder / "multirun" / "s"
    logs = [name for name in run_folders(sweep) if (sweep / name / "hpsearch.log").exists()]
    if len(logs) != 1:
        faults.append(f"{len(logs)} logs")
    if status == "failed" and "tries it again" not in end.err:
        faults.append("no line says how to try it again")
    return faults + others(found, {each: record for each, record in clean.items() if each != key})
