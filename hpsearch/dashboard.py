"""``python -m hpsearch.dashboard``: optuna-dashboard on this machine only, with every sweep and its figures."""

import argparse
import os
from pathlib import Path

from hpsearch.usage import UsageError, exit_on_wrong_usage


def main() -> None:
    """Serve until Ctrl-C. Exit code 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m hpsearch.dashboard", description="Inspect sweeps in a browser.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("multirun"), help="of the sweeps (multirun)")
    parser.add_argument("--storage", help="URL of a study's own storage (sqlite:///<folder>/hpsearch.db)")
    parser.add_argument("--port", type=int, default=8080, help="on 127.0.0.1 (8080)")
    options = parser.parse_args()
    with exit_on_wrong_usage():
        serve(options.folder, options.storage, options.port)


def serve(folder: Path, url: str | None, port: int) -> None:
    """Raises UsageError where there is nothing to show."""
    import optuna
    from optuna.artifacts import FileSystemArtifactStore
    from optuna_dashboard import run_server

    from hpsearch.database import Database
    from hpsearch.publish import ARTIFACTS

    file = folder / "hpsearch.db"
    if url is None and not file.exists():
        raise UsageError([f"{file}: no such file; every sweep with report=true makes it, or name --storage"])
    database = Database(url or f"sqlite:///{file}")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(f"http://127.0.0.1:{port}  (from another machine: ssh -L {port}:127.0.0.1:{port} {os.uname().nodename})")
    (folder / ARTIFACTS).mkdir(exist_ok=True)
    try:
        run_server(database.storage, "127.0.0.1", port, FileSystemArtifactStore(folder / ARTIFACTS))
    except (OSError, OverflowError) as error:  # taken, or no port
        raise UsageError([f"--port={port}: {getattr(error, 'strerror', error)}; give another one"]) from error
    finally:
        database.close()


if __name__ == "__main__":
    main()
