"""``python -m hpsearch.report multirun/<sweep> [more folders…]``: print a report and write it into a folder."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from hpsearch import garbage
from hpsearch.report.wording import SPREADS
from hpsearch.usage import UsageError, exit_on_write_error, exit_on_wrong_usage


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError([f"{message}; --help shows the options"])


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m hpsearch.report",
        description="Tables, figures and a verdict from the records of one or more sweeps, also of one still running.",
    )
    parser.add_argument("sweeps", nargs="+", type=Path, metavar="FOLDER", help="a sweep's folder, multirun/<name>")
    parser.add_argument("--rows", default="", metavar="KEYS", help="swept keys that name the rows, with commas")
    parser.add_argument("--columns", metavar="KEY", help="the swept key that names the columns")
    parser.add_argument(
        "--spread", choices=list(SPREADS), default="seed_std", help="what stands behind the ± (seed_std)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="where to write (<sweep>/report; of several: <name>+<name>/report)",
    )
    return parser


def main() -> None:
    """Exit code 2 for wrong usage."""
    garbage.rarely()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal that cannot show ± still gets the rest
    with exit_on_wrong_usage():
        options = _parser().parse_args()
        from rich.console import Console

        from hpsearch.report import findings, folder  # pandas, which takes half a second

        rows = [key for key in options.rows.split(",") if key]
        found = findings.read(options.sweeps, rows, options.columns, options.spread)
    output = options.output or folder.place(found.sweeps)
    console = Console()
    folder.show(found, console)
    with exit_on_write_error(output):
        folder.write(found, output)
    print(f"report: {output / 'index.html'}")


if __name__ == "__main__":
    main()
