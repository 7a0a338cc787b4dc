"""Where the runs come from: the commands that repeat them, versions, machine."""

from typing import Any

from hpsearch.record.frame import Runs


def environments(runs: Runs) -> dict[str, str]:
    """What the runs were computed with, one value or the several that there are."""
    found: dict[str, dict[str, None]] = {}
    for entry in runs.records:
        environment = entry["environment"]
        flat: dict[str, Any] = environment["versions"] | {
            "git commit": environment["git_commit"],
            "device": f"{environment['device_name']} ({environment['device']})",
            "threads": environment["threads"],
        }
        for name, value in flat.items():
            found.setdefault(name, {})[str(value)] = None
    return {name: ", ".join(values) for name, values in found.items()}
