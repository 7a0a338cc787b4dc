"""``python -m hpsearch.doctor``: facts for a report of a bug, and checks of this machine with their cures."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterable

from hpsearch import shell
from hpsearch.arguments import Parser
from hpsearch.cli.doctor.check import FAULT, Check
from hpsearch.formatting import count, inert
from hpsearch.passwords import without_passwords

COLOURS = {"ok": "green", "warning": "yellow", "fault": "bold red"}


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m hpsearch.doctor",
        description="Describe this machine for a report of a bug, and check that hpsearch works on it.",
    )
    storage = "of searches, to be checked instead of multirun/hpsearch.db"
    parser.add_argument("--storage", metavar="URL", help=storage)
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser


def main() -> None:
    """Print facts and checks. Exit code 1: a check has found a fault. Exit code 2: wrong usage."""
    with shell.door(""):
        options = _parser().parse_args()
        from hpsearch.cli import command  # noqa: F401  # late, because torch takes seconds
        from hpsearch.cli.doctor.checks import checks
        from hpsearch.cli.doctor.facts import facts

        show = _as_json if options.json else _shown
        done = show(facts(), checks(options.storage))
        if FAULT in done:
            raise SystemExit(1)


def _as_json(facts: dict[str, str], checks: Iterable[Check]) -> list[str]:
    found = [dataclasses.asdict(check) for check in checks]
    print(without_passwords(json.dumps({"facts": facts, "checks": found}, indent=1)))
    return [check["status"] for check in found]


def _shown(facts: dict[str, str], checks: Iterable[Check]) -> list[str]:
    """Print each check as it ends. Returns the status of each."""
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True) if sys.stdout.isatty() else Console(soft_wrap=True, color_system=None)
    for name, value in facts.items():
        console.print(Text(f"{name:<12} ", "bold"), Text(inert(without_passwords(value))), sep="")
    console.print()
    found = []
    for check in checks:
        found.append(check.status)
        line = f"  {check.name}: {check.said}" + (f"; {check.cure}" if check.cure else "")
        console.print(Text(f"{check.status:<7}", COLOURS[check.status]), Text(inert(without_passwords(line))), sep="")
    faults, warnings = found.count(FAULT), found.count("warning")
    console.print(f"\n{count(len(found), 'check')}, {count(faults, 'fault')}, {count(warnings, 'warning')}")
    return found


if __name__ == "__main__":
    main()
