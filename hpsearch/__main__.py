"""The command line: ``python -m hpsearch``, also the console script ``hpsearch``."""

import sys
from pathlib import Path

import hydra

from hpsearch import garbage, interrupt, task

PACKAGE = Path(__file__).resolve().parent
CONF = next(folder for folder in (PACKAGE / "conf", PACKAGE.parent / "conf") if folder.is_dir())  # a wheel, a checkout

run = hydra.main(config_path=str(CONF), config_name="config", execution_whitelist=("hpsearch.*",))(task.run)


def main() -> None:
    """The console script."""
    garbage.rarely()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal that cannot show ± still gets the rest
    try:
        run()
    except KeyboardInterrupt:
        print(
            "interrupted: the same command, with its name=…, goes on from the runs that have a record", file=sys.stderr
        )
        raise SystemExit(interrupt.EXIT_CODE) from None


if __name__ == "__main__":
    main()
