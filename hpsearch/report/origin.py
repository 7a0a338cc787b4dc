"""Where the runs come from: the commands that repeat them, versions, machine."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hpsearch.record import Record, flags
from hpsearch.report.runs import Runs


@dataclass(frozen=True)
class Origin:
    """command: what made a sweep. searched: whether a sampler chose its configurations, not a grid."""

    command: str
    searched: bool


def of_sweep(sweep: Path) -> Origin | None:
    """From Hydra's ``multirun.yaml``; None where there is none that can be read."""
    try:
        hydra = yaml.safe_load((sweep / "multirun.yaml").read_text(encoding="utf-8"))["hydra"]
        overrides = hydra["overrides"]
        given = [
            line for line in (*overrides["task"], *overrides["hydra"]) if not re.match(r"(hydra\.mode|plan)=", line)
        ]
        return Origin(command("-m", *flags(hydra), *given), not hydra["sweeper"]["_target_"].endswith(".BasicSweeper"))
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return None


def configuration_command(entries: list[Record]) -> str:
    """The command that repeats the runs of one configuration, all their seeds."""
    seeds = sorted(entry["config"]["seed"] for entry in entries)
    rest = [line for line in entries[0]["overrides"] if not re.match(r"\+*seed=", line)]
    return command("-m", *rest, f"seed={','.join(map(str, seeds))}")


def command(*arguments: str) -> str:
    """What to type."""
    return shlex.join(("python", "-m", "hpsearch", *map(str, arguments)))


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
