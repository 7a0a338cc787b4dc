"""Two commands at once: on one folder, on one study."""

import random
import time
from pathlib import Path
from typing import Any

from tests.faults.commands import ended, kill, left_behind, others, records, run, start
from tests.faults.kills import GRID, SEARCH, TRIALS, faults_of_study


def two_grids(folder: Path, seed: int, clean: dict[str, Any]) -> list[str]:
    """Two equal grids at once: the second is refused, in a line that names the first."""
    first = start(folder, *GRID)
    time.sleep(random.Random(seed).uniform(0, 2))
    second = ended(start(folder, *GRID))
    ends = [ended(first), second]
    refused = [end for end in ends if end.code == 2]
    faults = [fault for end in ends for fault in end.faults(0, 2)]
    if len(refused) == 2 or any("trains this sweep since" not in end.err for end in refused):
        faults.append("nobody says which process has the sweep")
    return faults + others(records(folder), clean) + left_behind(folder)


def two_searches(folder: Path, seed: int) -> list[str]:
    """Two equal searches at once share the trials; one may be killed, and then the same command goes on."""
    rng = random.Random(seed)
    both = [start(folder, *SEARCH) for _ in range(2)]
    if killed := rng.random() < 0.5:
        time.sleep(rng.uniform(2, 5))
        kill(both[0])
    ends = [ended(process) for process in both]
    faults = [fault for end in ends for fault in end.faults(0, *([-9] if killed else []))]
    if killed:
        faults += run(folder, *SEARCH).faults(0)
    numbers = [path.name.partition("_")[0] for path in (folder / "multirun" / "s").glob("[0-9]*_*")]
    if len(set(numbers)) < len(numbers):
        faults.append("a number of a folder is there twice")
    return faults + faults_of_study(folder, TRIALS) + left_behind(folder)
