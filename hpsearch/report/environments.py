"""The software and hardware that the runs were computed with."""

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
