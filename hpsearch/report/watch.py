"""The page of a sweep that runs: it is made again when a record has come, and asks for the newer one itself."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from hpsearch import loopback
from hpsearch.errors import UsageError
from hpsearch.record.file import FILE
from hpsearch.record.folders import run_folders
from hpsearch.report import analysis, html_page, sections

WAITING = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>hpsearch</title>
<p>{said}</p>
"""


class LivePage:
    """An application of WSGI: ``/`` is the page, ``/version`` tells if a newer one is there.

    options: of `analysis.read`. The page is made when it is asked for, at most once for each state of the records.
    """

    def __init__(self, sweeps: Sequence[Path], **options: Any) -> None:
        self._sweeps, self._options = sweeps, options
        self._made: tuple[str, bytes] = ("", b"")

    def version(self) -> str:
        """A text that changes with every record: their number and the time of the newest."""
        times = [
            (sweep / name / FILE).stat().st_mtime_ns
            for sweep in self._sweeps
            if sweep.is_dir()
            for name in run_folders(sweep)
            if (sweep / name / FILE).exists()
        ]
        return f"{len(times)}-{max(times, default=0)}"

    def page(self) -> bytes:
        """The page of the records as they are now."""
        version = self.version()
        if self._made[0] != version:
            try:
                found = analysis.read(self._sweeps, **self._options)
                made = html_page.render(found, sections.sections(found), version=version)
            except UsageError as error:  # no run has ended yet
                return WAITING.format(said=escape(error.faults[0])).encode()
            self._made = version, made.encode()
        return self._made[1]

    def __call__(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        """Answer a request."""
        answers = {"/": ("text/html; charset=utf-8", self.page), "/version": ("text/plain", self._version)}
        kind, body = answers.get(environ["PATH_INFO"], ("", None))
        if body is None or environ["REQUEST_METHOD"] != "GET":
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"not found\n"]
        content = body()
        start("200 OK", [("Content-Type", kind), ("Content-Length", str(len(content))), ("Cache-Control", "no-store")])
        return [content]

    def _version(self) -> bytes:
        return self.version().encode()


def serve(page: LivePage, port: int) -> None:
    """Serve the page on this machine until Ctrl-C. Raises UsageError for a port that is taken."""
    loopback.check_port(port)
    loopback.serve(page, port, quiet=True)
