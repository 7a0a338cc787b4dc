"""Serve a page on this machine only."""

import os
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hpsearch.errors import UsageError, require

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

HOST = "127.0.0.1"
LOCAL = (HOST, "localhost")  # any port, because ssh -L may use another one


def check_port(port: int) -> None:
    """Raise UsageError for a port that cannot be used: before anything is said, because a server says it late."""
    require(0 < port < 65536, "--port", port, "between 1 and 65535")
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
    except OSError as error:
        raise UsageError([f"--port={port}: {error.strerror}; give another one"]) from error


def serve(app: "WSGIApplication", port: int, quiet: bool = False) -> None:
    """Say the address and answer until Ctrl-C. quiet: True to print no line for a request."""
    import bottle

    print(
        f"http://{HOST}:{port}  (from another machine: ssh -L {port}:{HOST}:{port} {os.uname().nodename})", flush=True
    )
    bottle.run(guarded(app), host=HOST, port=port, quiet=quiet)


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
