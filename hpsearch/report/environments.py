"""The software and hardware that the runs were computed with, and the versions of the data."""

from collections import Counter
from collections.abc import Iterable

from hpsearch.formatting import MISSING, inert
from hpsearch.record.frame import Runs

SHOWN = 12  # characters of a commit


def environments(runs: Runs) -> dict[str, str]:
    """Versions, git commit, device, threads, and marks of data and code: one value each, or all the different ones."""
    return {name: ", ".join(values) for name, values in _found(runs, range(len(runs.records))).items()}


def by_sweep(runs: Runs) -> dict[str, list[str]]:
    """The same for each sweep, in their order; first where they differ. A sweep without a record is left empty."""
    found = [_found(runs, runs.frame.index[runs.frame["sweep"] == sweep]) for sweep in runs.sweeps]
    names = dict.fromkeys(name for its in found for name in its)
    lines = {name: [", ".join(its.get(name, {})) or MISSING for its in found] for name in names}
    return dict(sorted(lines.items(), key=lambda item: len(set(item[1])) == 1))


def _found(runs: Runs, rows: Iterable[int]) -> dict[str, dict[str, None]]:
    """The different values of some runs by name, in the order of the runs."""
    found: dict[str, dict[str, None]] = {}
    for i in rows:
        record, environment = runs.records[i], runs.records[i]["environment"]
        commit, _, changes = (environment["git_commit"] or "none").partition("+")
        flat = environment["versions"] | {
            "git commit": commit[:SHOWN] + ("+" + changes if changes else ""),
            "device": f"{environment['device_name']} ({environment['device']})",
            "threads": environment["threads"],
            **({f"data {runs.frame.data_set[i]}": environment["data"]} if "data" in environment else {}),
            **({"code of the script": environment["code"]} if "code" in environment else {}),
            **{f"code of {part}": mark for part, mark in (record["config"].get("code") or {}).items()},
        }
        for name, value in flat.items():
            found.setdefault(inert(name), {})[inert(str(value))] = None
    return found


def mixed(runs: Runs) -> list[str]:
    """A line for each data set of which the runs have seen several versions."""
    found: dict[str, Counter[str]] = {}
    for record, data_set in zip(runs.records, runs.frame.data_set, strict=True):
        environment = record["environment"]
        if "data" in environment:
            found.setdefault(inert(data_set), Counter())[environment["data"]] += 1
    return [
        f"The runs saw {len(marks)} versions of the data set {name} ({', '.join(map(str, marks.values()))} runs), and "
        "means mix them: a command of all keys and seeds trains those of another version again."
        for name, marks in found.items()
        if len(marks) > 1
    ]
