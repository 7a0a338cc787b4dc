"""``python -m hpsearch new my_project``: write a small project to start from."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from hpsearch.errors import UsageError

TEMPLATE = Path(__file__).parent / "template"
SUFFIX = ".txt"  # behind the names of Python files, because those of the template are no modules of hpsearch


def write(arguments: Sequence[str]) -> None:
    """Copy the template into a new folder. Raises UsageError if there is something in it already."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        raise UsageError(["new: needs the name of one folder: python -m hpsearch new my_project"])
    folder = Path(arguments[0])
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError([f"new {folder}: there is one already; give another name"])
    try:
        for source in sorted(path for path in TEMPLATE.rglob("*") if path.is_file()):
            target = folder / str(source.relative_to(TEMPLATE)).removesuffix(SUFFIX)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            print(target)
    except OSError as error:
        raise UsageError([f"new {folder}: cannot be written: {error.strerror or error}"]) from error
    print(f"next: cd {shlex.quote(str(folder))}, then the commands of README.md")
