"""``python -m hpsearch.dashboard``: serve optuna-dashboard with every sweep and its figures, on this machine only."""

import argparse
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch import loopback
from hpsearch.arguments import Parser
from hpsearch.errors import UsageError
from hpsearch.shell import door
from hpsearch.streams import transient

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m hpsearch.dashboard", description="Inspect sweeps in a browser.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("multirun"), help="of the sweeps (multirun)")
    parser.add_argument("--storage", help="URL of a study's own storage (sqlite:///<folder>/hpsearch.db)")
    parser.add_argument("--port", type=int, default=8080, help="on 127.0.0.1 (8080)")
    return parser


def main() -> None:
    """Serve until Ctrl-C. Exit code 2 for wrong usage."""
    with door("the dashboard has ended"):
        options = _parser().parse_args()
        serve(options.folder, options.storage, options.port)


def serve(folder: Path, url: str | None, port: int) -> None:
    """Enter what is new into a storage, and serve it. Raises UsageError if there is nothing to show."""
    import optuna
    from optuna.artifacts import FileSystemArtifactStore
    from optuna_dashboard import wsgi

    from hpsearch.cli.publish import ARTIFACTS
    from hpsearch.report.summary_json import SUMMARY
    from hpsearch.search.storage import Storage

    file = folder / "hpsearch.db"
    if url is None and not file.exists() and not any(folder.glob(f"*/{SUMMARY}")):
        raise UsageError([f"{folder}: holds no sweep that has ended; name the folder of the sweeps, or --storage"])
    loopback.check_port(port)
    storage = Storage(url or f"sqlite:///{file}")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    (folder / ARTIFACTS).mkdir(parents=True, exist_ok=True)
    transient("entering the sweeps")
    with closing(storage):
        app = wsgi(storage.rdb, FileSystemArtifactStore(folder / ARTIFACTS))
        loopback.serve(renewed(app, folder, url), port)


def renewed(app: "WSGIApplication", folder: Path, url: str | None) -> "WSGIApplication":
    """Enter the sweeps now, and those that have ended since then whenever a page asks."""
    from hpsearch.cli.publish import enter
    from hpsearch.report.summary_json import SUMMARY
    from hpsearch.search.storage import StorageError

    last = -1

    def look() -> None:
        nonlocal last
        newest = max((file.stat().st_mtime_ns for file in folder.glob(f"*/{SUMMARY}")), default=0)
        if newest != last:
            for line in enter(folder, url):
                print(line, file=sys.stderr)
            last = newest

    def answer(environ: dict[str, Any], start: Any) -> Any:
        try:
            look()
        except StorageError as error:  # a search may write into it for long; the next page asks again
            print(f"not in the dashboard: {error}", file=sys.stderr)
        return app(environ, start)

    look()
    return answer


if __name__ == "__main__":
    main()
