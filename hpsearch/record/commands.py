"""The commands that repeat a run, a configuration, a sweep.

Long, because all of them are quoted in the same way.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.errors import typed
from hpsearch.formatting import inert
from hpsearch.passwords import without_passwords
from hpsearch.record.multirun import is_searched, read_multirun
from hpsearch.record.scripts import WRAPPER, is_script, script_path
from hpsearch.record.shape import Record

OF_ANY_RUN = (
    *("seed", "experiment", "search", "plugins", "device", "metric", "metrics", "split", "preprocessing", "hydra"),
)
OTHER = re.compile(r"null|true|false|[+-]?(nan|inf|0\d+|[\d_]*\.?[\d_]+(e[+-]?[\d_]+)?|\d[\d_]*\.)", re.IGNORECASE)


SEARCHPATH = "hydra.searchpath="


def flags(hydra: Any) -> list[str]:
    """The options of a command that is composed of a user's files, too: --config-dir, --config-name, a search path."""
    paths = [line for line in hydra["overrides"]["hydra"] if line.lstrip("+").startswith(SEARCHPATH)]
    folders = [source["path"] for source in hydra["runtime"]["config_sources"] if source["provider"] == "command-line"]
    name = hydra["job"]["config_name"]
    return [
        *(f"--config-dir={folder}" for folder in folders),
        *([f"--config-name={name.removeprefix(WRAPPER)}"] if name not in ("config", WRAPPER) else []),
        *paths,
    ]


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
    first, lines = flags(hydra), (*overrides["task"], *overrides["hydra"])
    given = [line for line in lines if line not in first and not re.match(r"(hydra\.mode|plan)=", line)]
    return Origin(command("-m", *first, *given, script=script_path(cfg)), is_searched(cfg))


def resume_command(cfg: Any, name: str) -> str:
    """The command that started a sweep, so that it goes on in its folder.

    cfg: of `read_multirun`. name: the sweep's, which stands in the command unless the command brings it along.
    """
    hydra = cfg["hydra"]
    lines = [*hydra["overrides"]["hydra"], *hydra["overrides"]["task"]]
    given_name = any(re.match(r"(name|hydra\.sweep\.dir)=", line) for line in lines)
    named = given_name or "${" not in str(cfg.get("name", "${"))  # the default has the time of the start
    first = flags(hydra)
    given = [line for line in lines if line not in (*first, "hydra.mode=MULTIRUN")]
    plain = re.fullmatch(r"[1-9]\d*", name)  # a whole number becomes the same text again
    own_name = [] if named else [override("name", name if plain else text(name))]
    return command("-m", *first, *given, *own_name, script=script_path(cfg))


def configuration_command(entries: list[Record]) -> str:
    """The command that repeats the runs of one configuration, all their seeds."""
    seeds = sorted(entry["config"]["seed"] for entry in entries)
    rest = [line for line in overrides_of(entries[0]) if not re.match(r"\+*seed=", line)]
    return command("-m", *rest, f"seed={','.join(map(str, seeds))}", script=entries[0].get("script"))


def run_command(record: Record) -> str:
    """The command that repeats a run alone."""
    return command(*overrides_of(record), script=record.get("script"))


def overrides_of(record: Record) -> list[str]:
    """The command line that repeats a run alone, without the keys of nets if it is a classifier, which refuses them."""
    config, lines = record["config"], record["overrides"]
    if "epochs" in config or is_script(config):
        return list(lines)
    return [line for line in lines if line.startswith("--") or _root(line) in (*config, *OF_ANY_RUN)]


def _root(line: str) -> str:
    return line.lstrip("+~").partition("=")[0].partition(".")[0]


def override(key: str, value: object) -> str:
    """key=value for Hydra's grammar. A text is in quotes unless it is plain; it may also stand for a number or null."""
    return f"{key}={_literal(value)}"


def text(value: str) -> object:
    """A text for `override` that is never read as a number, as true or as null."""
    return _Text(value) if OTHER.fullmatch(value) else value


class _Text(str):
    pass


def _literal(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_literal(str(key))}:{_literal(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{','.join(map(_literal, value))}]"
    plain = typed(value)
    if not isinstance(value, _Text) and re.fullmatch(r"[\w./+%@-]+", plain, flags=re.ASCII):
        return plain
    escaped = re.sub(r"(\\*)('|$)", lambda m: 2 * m[1] + ("\\'" if m[2] else ""), plain)
    return f"'{escaped}'"


def dashboard_command(folder: Path, storage: str | None = None) -> str:
    """The command that shows the studies of a storage; without one, those of the sweeps in a folder."""
    where = ["--storage", storage] if storage else [str(folder)] * (folder != Path("multirun"))
    return shlex.join(["python", "-m", "hpsearch.dashboard", *where])


def command(*arguments: str, script: str | None = None) -> str:
    """The command line, quoted for a shell. script: the path of a user's; None: that of hpsearch itself."""
    given = (*program(script), *arguments)
    return " ".join(("python", *(_quoted(without_passwords(str(each))) for each in given)))


def program(script: str | None) -> list[str]:
    """The words between ``python`` and the overrides. script: the path of a user's, or -m and its module."""
    if script is None:
        return ["-m", "hpsearch"]
    return script.split(" ", 1) if script.startswith("-m ") else [script]


def _quoted(argument: str) -> str:
    """An argument for a shell. A control character is written as bash reads it, because a terminal would obey it."""
    if inert(argument) == argument:
        return shlex.quote(argument)
    plain = argument.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(c if inert(c) == c else inert(c) for c in plain) + "'"
