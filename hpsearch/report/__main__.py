"""``python -m hpsearch.report multirun/<sweep> [more folders…]``: print a report and write it into a folder."""

import argparse
import math
import sys
from pathlib import Path

from hpsearch import shell
from hpsearch.arguments import Parser
from hpsearch.errors import UsageError, require, write_errors
from hpsearch.formatting import SPREADS


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m hpsearch.report",
        description="Tables, figures and a verdict from the records of one or more sweeps, also of one still running. "
        "Sweeps that repeat one another are compared side by side, the later ones with the first.",
    )
    parser.add_argument("sweeps", nargs="+", type=Path, metavar="FOLDER", help="a sweep's folder, multirun/<name>")
    parser.add_argument("--rows", default="", metavar="KEYS", help="swept keys that name the rows, with commas")
    parser.add_argument("--columns", metavar="KEY", help="the swept key that names the columns")
    spread = "what stands behind the ± (seed_std)"
    parser.add_argument("--spread", choices=list(SPREADS), default="seed_std", help=spread)
    margin = (
        "the difference that does not matter, in percentage points or the metric's unit: tests who is equal within it"
    )
    parser.add_argument("--margin", type=_margin, metavar="NUMBER", help=margin)
    output = "where to write (<sweep>/report; of several: <name>+<name>/report)"
    parser.add_argument("--output", type=Path, metavar="FOLDER", help=output)
    figures = "write the figures for a paper, too: PNG, PDF and table.tex"
    parser.add_argument("--figures", action="store_true", help=figures)
    watch = "serve a page that renews itself while the sweep runs, until Ctrl-C; writes nothing"
    parser.add_argument("--watch", action="store_true", help=watch)
    parser.add_argument("--port", type=int, default=8081, help="of --watch, on 127.0.0.1 (8081)")
    return parser


def _margin(text: str) -> float:
    """A number above 0; argparse names the option and the text if it is none."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (number > 0 and math.isfinite(number)):
        raise argparse.ArgumentTypeError(f"{text}: must be a number above 0")
    return number


def main() -> None:
    """Print and write a report, or serve it. Exit code 1: the report cannot be written. Exit code 2: wrong usage."""
    with shell.door("the page is served no more" if "--watch" in sys.argv else shell.GOES_ON):
        options = _parser().parse_args()
        from rich.console import Console

        from hpsearch.report import analysis, sections, write  # late, because pandas takes half a second

        rows = [key for key in options.rows.split(",") if key]
        if options.watch:
            from hpsearch.report import watch

            if missing := [sweep for sweep in options.sweeps if not sweep.is_dir()]:
                raise UsageError([f"{sweep}: no such folder; name the folder of a sweep" for sweep in missing])
            reading = {"rows": rows, "columns": options.columns, "spread": options.spread, "margin": options.margin}
            return watch.serve(watch.LivePage(options.sweeps, **reading), options.port)
        found = analysis.read(options.sweeps, rows, options.columns, options.spread, options.margin)
        output = options.output or write.place(found.sweeps)
        own = options.output is not None or not output.is_symlink()
        require(own, "--output", output, "given, because the folder for the report is a symbolic link")
        write.show(found, Console())
        analysis.note_looks(found)
        with write_errors(output):
            write.write(found, output, sections.sections(found), options.figures)
        print(f"report: {output / 'index.html'}")


if __name__ == "__main__":
    main()
