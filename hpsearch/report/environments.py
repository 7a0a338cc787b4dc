"""The software and hardware that the runs were computed with, and the versions of the data."""

from collections import Counter

from hpsearch.formatting import inert
from hpsearch.record.frame import Runs


def environments(runs: Runs) -> dict[str, str]:
    """Versions, git commit, device and threads: one value each, or all the different ones."""
    found: dict[str, dict[str, None]] = {}
    for record in runs.records:
        environment = record["environment"]
        flat = environment["versions"] | {
            "git commit": environment["git_commit"],
            "device": f"{environment['device_name']} ({environment['device']})",
            "threads": environment["threads"],
        }
        for name, value in flat.items():
            found.setdefault(name, {})[inert(str(value))] = None
    return {name: ", ".join(values) for name, values in found.items()}


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
