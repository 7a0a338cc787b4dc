"""``python -m hpsearch.status multirun/<sweep> [--watch]``: how far a sweep is, from its records and its study."""

import argparse
import os
import sys
from contextlib import closing
from pathlib import Path

from hpsearch import shell
from hpsearch.arguments import Parser
from hpsearch.cli.sweep_status import SweepStatus
from hpsearch.report import progress_text


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m hpsearch.status", description="How far a sweep is, also while it runs.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a sweep's folder, multirun/<name>")
    parser.add_argument("--watch", action="store_true", help="until the sweep has ended, or Ctrl-C")
    parser.add_argument("--storage", metavar="URL", help="of a search's study, if it needs a password")
    return parser


def main() -> None:
    """Print the progress. Exit code 2: wrong usage. Exit code 130: Ctrl-C."""
    try:
        with shell.door("", lasts=False):
            options = _parser().parse_args()
            with closing(SweepStatus(options.folder, options.storage)) as status:
                if not options.watch:
                    print("\n".join(progress_text.lines(status.read())))
                elif sys.stdout.isatty():
                    _watch_on_a_terminal(status)
                else:
                    _watch_in_a_pipe(status)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python writes at its end


def _watch_on_a_terminal(status: "SweepStatus") -> None:
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False) as live:
        for progress in status.watch():
            live.update(Text("\n".join(progress_text.lines(progress))), refresh=True)


def _watch_in_a_pipe(status: "SweepStatus") -> None:
    """Print a line when something has changed, and everything at the end."""
    before: object = None
    for progress in status.watch():
        now = progress.times, progress.total, progress.over
        if now != before and not progress.over:
            print(progress_text.headline(progress), flush=True)
        before = now
    print("\n".join(progress_text.lines(progress)), flush=True)


if __name__ == "__main__":
    main()
