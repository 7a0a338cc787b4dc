"""A PostgreSQL server of a test's own."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEBIAN = Path("/usr/lib/postgresql")  # keeps its programs off the PATH


def programs() -> Path | None:
    """The folder of initdb and pg_ctl, or None where there is no server, or none that this user could start."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(DEBIAN.glob("*/bin"), reverse=True)
    usable = [folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()]
    if not usable or (os.geteuid() == 0 and (not shutil.which("setpriv") or not _has_user())):
        return None
    return usable[0]


def _has_user() -> bool:
    import pwd

    return any(user.pw_name == "postgres" for user in pwd.getpwall())


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A server on a free loopback port while the context lasts: its URL, with user and password. Its files are in
    `folder`; in a temporary one for root, whose server is run by another user, who must be able to enter it.
    Raises FileNotFoundError where `programs` finds none."""
    binaries = programs()
    if binaries is None:
        raise FileNotFoundError("no PostgreSQL server: initdb and pg_ctl")
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    password = secrets.token_hex(8)
    home = Path(tempfile.mkdtemp(prefix="postgres", dir=None if as_user else folder))
    data, asked, output = home / "data", home / "password", home / "output"
    asked.write_text(password)
    if as_user:
        for path in (home, asked):
            shutil.chown(path, "postgres", "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"

    def run(name: str, *arguments: str) -> None:
        with output.open("w") as file:  # a pipe would stay open as long as the server
            done = subprocess.run(
                [*as_user, str(binaries / name), *arguments],
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=60,
            )
        if done.returncode:
            raise RuntimeError(f"{name} failed: {output.read_text()}")

    try:
        user = ["--username=user", "--auth=scram-sha-256", f"--pwfile={asked}"]
        run("initdb", "-D", str(data), *user, "--encoding=UTF8", "--locale=C", "--no-sync")
        run("pg_ctl", "-D", str(data), "-l", str(home / "log"), "-o", options, "-w", "start")
        try:
            yield f"postgresql+psycopg://user:{password}@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)
