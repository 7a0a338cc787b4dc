"""``python -m hpsearch.dashboard``: serve optuna-dashboard with every sweep and its figures, on this machine only."""

import argparse
import os
import socket
from contextlib import closing
from pathlib import Path

from hpsearch.errors import UsageError, require
from hpsearch.shell import door

HOST = "127.0.0.1"


def main() -> None:
    """Serve until Ctrl-C. Exit code 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m hpsearch.dashboard", description="Inspect sweeps in a browser.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("multirun"), help="of the sweeps (multirun)")
    parser.add_argument("--storage", help="URL of a study's own storage (sqlite:///<folder>/hpsearch.db)")
    parser.add_argument("--port", type=int, default=8080, help="on 127.0.0.1 (8080)")
    options = parser.parse_args()
    with door("the dashboard has ended"):
        serve(options.folder, options.storage, options.port)


def serve(folder: Path, url: str | None, port: int) -> None:
    """Serve a storage. Raises UsageError if there is nothing to show."""
    import optuna
    from optuna.artifacts import FileSystemArtifactStore
    from optuna_dashboard import run_server

    from hpsearch.cli.publish import ARTIFACTS
    from hpsearch.search.storage import Storage

    file = folder / "hpsearch.db"
    if url is None and not file.exists():
        raise UsageError([f"{file}: no such file; every sweep with report=true makes it, or name --storage"])
    require(0 < port < 65536, "--port", port, "between 1 and 65535")
    try:
        with socket.socket() as probe:  # first, because the server prints its error below the address
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
    except OSError as error:
        raise UsageError([f"--port={port}: {error.strerror}; give another one"]) from error
    storage = Storage(url or f"sqlite:///{file}")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    (folder / ARTIFACTS).mkdir(parents=True, exist_ok=True)
    print(f"http://{HOST}:{port}  (from another machine: ssh -L {port}:{HOST}:{port} {os.uname().nodename})")
    with closing(storage):
        run_server(storage.rdb, HOST, port, FileSystemArtifactStore(folder / ARTIFACTS))


if __name__ == "__main__":
    main()
