"""``python -m hpsearch.dashboard``: serve optuna-dashboard with every sweep and its figures, on this machine only."""

import argparse
import os
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hpsearch.errors import UsageError, require
from hpsearch.shell import door
from hpsearch.streams import transient

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

HOST = "127.0.0.1"
LOCAL = (HOST, "localhost")  # any port, because ssh -L may use another one


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
    """Enter what is new into a storage, and serve it. Raises UsageError if there is nothing to show."""
    import bottle
    import optuna
    from optuna.artifacts import FileSystemArtifactStore
    from optuna_dashboard import wsgi

    from hpsearch.cli.publish import ARTIFACTS, enter
    from hpsearch.report.summary_json import SUMMARY
    from hpsearch.search.storage import Storage

    file = folder / "hpsearch.db"
    if url is None and not file.exists() and not any(folder.glob(f"*/{SUMMARY}")):
        raise UsageError([f"{folder}: holds no sweep that has ended; name the folder of the sweeps, or --storage"])
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
    transient("entering the sweeps")
    for line in enter(folder, url):
        print(line, file=sys.stderr)
    print(f"http://{HOST}:{port}  (from another machine: ssh -L {port}:{HOST}:{port} {os.uname().nodename})")
    with closing(storage):
        app = wsgi(storage.rdb, FileSystemArtifactStore(folder / ARTIFACTS))
        bottle.run(guarded(app), host=HOST, port=port)


def guarded(app: "WSGIApplication") -> "WSGIApplication":
    """Answer only what a page of this machine asks for.

    Another page could otherwise read and delete studies in the user's browser, by a name that leads here: hence Host.
    Or it could send a form: hence Origin.
    """

    def answer(environ: dict[str, Any], start: Any) -> Any:
        hosts = [urlsplit(f"//{environ.get('HTTP_HOST', '')}")]
        if "HTTP_ORIGIN" in environ:
            hosts.append(urlsplit(environ["HTTP_ORIGIN"]))
        if all(host.hostname in LOCAL for host in hosts):
            return app(environ, start)
        start("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"only for pages of this machine\n"]

    return answer


if __name__ == "__main__":
    main()
