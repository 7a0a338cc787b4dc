"""The command line: ``python -m hpsearch``, also the console script ``hpsearch``."""

import sys

from hpsearch import shell
from hpsearch.streams import transient

GOES_ON = "interrupted: the same command, with its name=…, goes on from the runs that have a record"


def main() -> None:
    """Run the command line of this process. Exit codes: as of `shell.door`."""
    with shell.door(GOES_ON):
        transient("starting")
        from hpsearch.cli import command, interrupt, new_project  # late, because Ctrl-C may come meanwhile

        with interrupt.enabled():
            first, *rest = [*sys.argv[1:], ""]
            if first == "new":
                new_project.write(rest[:-1])
            else:
                command.run(sys.argv[1:])


if __name__ == "__main__":
    main()
