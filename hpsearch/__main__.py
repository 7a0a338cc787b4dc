"""The command line: ``python -m hpsearch``, also the console script ``hpsearch``."""

import sys
from pathlib import Path

import hydra
from hydra._internal import utils

from hpsearch import garbage, hydra_errors, interrupt, task

PACKAGE = Path(__file__).resolve().parent
CONF = next(folder for folder in (PACKAGE / "conf", PACKAGE.parent / "conf") if folder.is_dir())  # a wheel, a checkout

# Hydra has no public place for this
utils.run_and_report = hydra_errors.in_one_line(utils.run_and_report)  # type: ignore[assignment]
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
