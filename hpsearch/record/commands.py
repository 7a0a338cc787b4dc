"""The commands that repeat a run, a configuration, a sweep."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.formatting import inert
from hpsearch.passwords import without_passwords
from hpsearch.record.multirun import is_searched, read_multirun
from hpsearch.record.shape import Record


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
    cfg = read_multirun(sweep)
    if cfg is None:
        return None
    hydra = cfg["hydra"]
    overrides = hydra["overrides"]
    given = [line for line in (*overrides["task"], *overrides["hydra"]) if not re.match(r"(hydra\.mode|plan)=", line)]
    return Origin(command("-m", *flags(hydra), *given), is_searched(cfg))


def resume_command(cfg: Any, name: str) -> str:
    """The command that started a sweep, so that it goes on in its folder.

    cfg: of `read_multirun`. name: the sweep's, which stands in the command unless the command brings it along.
    """
    hydra = cfg["hydra"]
    lines = [*hydra["overrides"]["hydra"], *hydra["overrides"]["task"]]
    typed = any(re.match(r"(name|hydra\.sweep\.dir)=", line) for line in lines)
    named = typed or "${" not in str(cfg.get("name", "${"))  # the default has the time of the start
    given = [line for line in lines if line != "hydra.mode=MULTIRUN"]
    return command("-m", *flags(hydra), *given, *([] if named else [override("name", name)]))


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


def dashboard_command(folder: Path, storage: str | None = None) -> str:
    """The command that shows the studies of a storage; without one, those of the sweeps in a folder."""
    where = ["--storage", storage] if storage else [str(folder)] * (folder != Path("multirun"))
    return shlex.join(["python", "-m", "hpsearch.dashboard", *where])


def command(*arguments: str) -> str:
    """The command line, quoted for a shell."""
    return " ".join(("python", "-m", "hpsearch", *(_quoted(without_passwords(str(each))) for each in arguments)))


def _quoted(argument: str) -> str:
    """An argument for a shell. A control character is written as bash reads it, because a terminal would obey it."""
    if inert(argument) == argument:
        return shlex.quote(argument)
    plain = argument.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(c if inert(c) == c else inert(c) for c in plain) + "'"
