"""The content of files as a part of a run's identity: a moved file is the same run, a changed one another."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from hpsearch.errors import UsageError


def fingerprint(named: Any) -> str | None:
    """A hash of the content of files: a path, a mapping of paths, where ``{seed}`` stands for any. None without one."""
    patterns = [str(path) for path in (named.values() if isinstance(named, dict) else [named])]
    files = []
    for pattern in map(Path, patterns):
        several = sorted(pattern.parent.glob(pattern.name.replace("{seed}", "*"))) if "{seed}" in pattern.name else []
        files += several or ([pattern] if pattern.is_file() else [])
    if not files:
        return None
    hashes = [_hash(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()[:16]


@cache
def _hash(file: str, size: int, modified: int) -> str:
    """A short hash of a file's bytes, once for each size and time of modification."""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise UsageError([f"{file}: cannot be read ({error.strerror or error})"]) from error
