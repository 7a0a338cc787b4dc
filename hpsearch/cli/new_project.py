"""``python -m hpsearch new my_project``: write a small project to start from. With ``--script``, a training script."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from hpsearch.errors import UsageError

PARTS, SCRIPT = (Path(__file__).parent / name for name in ("template", "template_script"))
SUFFIX = ".txt"  # behind the names of Python files, because those of the template are no modules of hpsearch


def write(arguments: Sequence[str]) -> None:
    """Copy a template into a new folder. Raises UsageError if there is something in it already."""
    template = SCRIPT if "--script" in arguments else PARTS
    names = [argument for argument in arguments if argument != "--script"]
    if len(names) != 1 or names[0].startswith("-"):
        raise UsageError(["new: needs the name of one folder: python -m hpsearch new my_project, or with --script"])
    folder = Path(names[0])
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError([f"new {folder}: there is one already; give another name"])
    try:
        for source in sorted(path for path in template.rglob("*") if path.is_file()):
            target = folder / str(source.relative_to(template)).removesuffix(SUFFIX)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            print(target)
    except OSError as error:
        raise UsageError([f"new {folder}: cannot be written: {error.strerror or error}"]) from error
    print(f"next: cd {shlex.quote(str(folder))}, then the commands of README.md")
