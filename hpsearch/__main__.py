"""The command line: ``python -m hpsearch``, also the console script ``hpsearch``."""

from pathlib import Path

import hydra

from hpsearch import task

PACKAGE = Path(__file__).resolve().parent
CONF = next(folder for folder in (PACKAGE / "conf", PACKAGE.parent / "conf") if folder.is_dir())  # a wheel, a checkout

main = hydra.main(config_path=str(CONF), config_name="config", execution_whitelist=("hpsearch.*",))(task.run)

if __name__ == "__main__":
    main()
