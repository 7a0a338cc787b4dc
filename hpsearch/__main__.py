"""The command line: ``python -m hpsearch``, also the console script ``hpsearch``."""

import sys

from hpsearch import shell
from hpsearch.cli import command, interrupt, new_project

GOES_ON = "interrupted: the same command, with its name=…, goes on from the runs that have a record"


def main() -> None:
    """Run the command line of this process. Exit codes: 0, 1 a failure, 2 wrong usage, 130 Ctrl-C."""
    shell.begin()
    try:
        with shell.one_line_errors(), interrupt.enabled():
            first, *rest = [*sys.argv[1:], ""]
            if first == "new":
                new_project.write(rest[:-1])
            else:
                command.run(sys.argv[1:])
    except KeyboardInterrupt as stop:
        print(str(stop) or GOES_ON, file=sys.stderr)
        raise SystemExit(interrupt.EXIT_CODE) from None


if __name__ == "__main__":
    main()
