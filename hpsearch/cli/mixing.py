"""Runs of other values in a sweep's folder, noticed before they share a table with new ones."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.errors import UsageError, typed
from hpsearch.formatting import count
from hpsearch.record.file import read_record
from hpsearch.record.folders import FOLDER, run_folders
from hpsearch.record.implied import completed
from hpsearch.record.swept import flattened

if TYPE_CHECKING:
    from hpsearch.workers.run import Run

SHOWN = 3


def check(sweep: Path, runs: Sequence["Run"], lines: Sequence[str]) -> None:
    """Say if the folder has runs that all differ from these in a key that neither of them sweeps.

    lines: as they were typed. Raises UsageError unless they name the sweep: then somebody wants these runs together.
    """
    hashes = {run.key[:8] for run in runs}
    names = run_folders(sweep) if sweep.is_dir() else []
    others = [name for name in names if (found := FOLDER.fullmatch(name)) and found["hash"] not in hashes]
    earlier = [record for name in others if (record := read_record(sweep / name)) is not None]
    then = _constant([record["config"] for record in earlier])
    now = _constant([run.config for run in runs])
    different = [key for key in now if key in then and then[key] != now[key] and key != "seed"]
    if not different:
        return
    before, after = (", ".join(f"{key}={typed(values[key])}" for key in different[:SHOWN]) for values in (then, now))
    there = f"{sweep}: {count(len(earlier), 'run')} in it {'have' if len(earlier) > 1 else 'has'} {before}"
    if any(line.startswith(("name=", "hydra.sweep.dir=")) for line in lines):
        print(f"{there}, and these have {after}: one table will have both", file=sys.stderr)
    else:
        adds = f"name={sweep.name} adds these to them"
        raise UsageError([f"{there}, and these have {after}; give them another name=…, because {adds}"])


def _constant(configs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The keys that have one value in all configurations, and that value."""
    flat = [flattened(completed(config)) for config in configs]
    first = flat[0] if flat else {}
    return {key: value for key, value in first.items() if all(each.get(key) == value for each in flat)}
