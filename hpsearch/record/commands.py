"""The commands that repeat a run, a configuration, a sweep."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hpsearch.record.file import Record


def flags(hydra: Any) -> list[str]:
    """The options of a command that is composed of a user's files, too: --config-dir and --config-name."""
    folders = [source["path"] for source in hydra["runtime"]["config_sources"] if source["provider"] == "command-line"]
    name = hydra["job"]["config_name"]
    return [*(f"--config-dir={folder}" for folder in folders), *([f"--config-name={name}"] if name != "config" else [])]


@dataclass(frozen=True)
class Origin:
    """The command of a sweep. searched: True if a sampler chose its configurations, False for a grid."""

    command: str
    searched: bool


def of_sweep(sweep: Path) -> Origin | None:
    """The origin that Hydra's ``multirun.yaml`` tells; None without a file that can be read."""
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


def override(key: str, value: str) -> str:
    """key=value for Hydra's grammar: in quotes unless the value is plain."""
    if re.fullmatch(r"[\w./+%@-]+", value, flags=re.ASCII):
        return f"{key}={value}"
    escaped = re.sub(r"(\\*)('|$)", lambda m: 2 * m[1] + ("\\'" if m[2] else ""), value)
    return f"{key}='{escaped}'"


def command(*arguments: str) -> str:
    """The command line, quoted for a shell."""
    return shlex.join(("python", "-m", "hpsearch", *map(str, arguments)))
