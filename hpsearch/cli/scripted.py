"""``python -m hpsearch.cli.scripted <path> <name> …``: the command of a script's function, when its winner is trained
again. The file is imported, so that the function is found by its name, and what stands behind it does not run.
"""

import sys

from hpsearch import shell


def main() -> None:
    """Exit codes: as of `shell.door`."""
    with shell.door():
        from hpsearch.cli import command, interrupt
        from hpsearch.script.function import imported

        path, name, *arguments = sys.argv[1:]
        with interrupt.enabled():
            command.run(arguments, imported(path, name))


if __name__ == "__main__":
    main()
