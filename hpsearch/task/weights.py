"""The weights of a run as files in its folder, with all that a net needs to take rows as they were loaded.

``weights.safetensors`` holds the net's tensors, and in its metadata the target, the shape of a sample and the columns
of a table; ``preprocessing.skops`` holds a table's fitted preprocessing. Neither is a pickle, so neither runs code.

Long, because what is written and what is read back are read together.
"""

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from zipfile import ZIP_DEFLATED

import msgspec
import numpy as np
from msgspec import Struct

from hpsearch.components import registry
from hpsearch.components.architecture.module import ModuleModel
from hpsearch.components.data.raw import Column
from hpsearch.components.preprocessing import Pixels, Transform
from hpsearch.components.target import Classes, Quantity, Target
from hpsearch.engine.spec import StackSpec
from hpsearch.errors import UsageError
from hpsearch.record.file import read_plain, write_whole
from hpsearch.record.shape import Positive
from hpsearch.workers.run import Run

WEIGHTS, PREPROCESSING = "weights.safetensors", "preprocessing.skops"
ABOUT = "hpsearch"  # the key of the metadata
MODULE = ("together", "masks", "draws")  # fields of a `ModuleModel`
INERT = {"numpy.dtype"}  # types that skops does not trust by itself, although they call nothing
LARGEST = 2**40  # bytes of a file
AT_ONCE = 100  # runs that have weights while others train, unless all are kept: those of the winner so far, and of
# configurations some of whose seeds wait
KEPT = 64  # preprocessings whose bytes are kept, because many runs share one


class NoWeights(UsageError):
    """There are no weights that can be used."""


@dataclass(frozen=True)
class Stored:
    """The weights of a run.

    key: of its record. shape, target, transform: as of its `Dataset`. module: the fields of a `ModuleModel` that were
    found when the run began.
    """

    tensors: dict[str, np.ndarray]
    key: str
    shape: tuple[int, ...]
    target: Target
    transform: Transform | None
    module: dict[str, Any]


def size_of(runs: Sequence[Run], keep: str) -> int:
    """The bytes of all weights that are there at the same time. keep: the value of ``weights=``."""
    sizes = [4 * run.stack.model.parameters for run in runs if isinstance(run.stack, StackSpec) and run.stack.weights]
    return sum(sizes if keep == "all" else sorted(sizes)[-AT_ONCE:])


def save(folder: Path, run: Run, tensors: dict[str, np.ndarray], keep: str) -> None:
    """Write the files of a run. keep: the value of ``weights=``; see `remove`.

    They are not synced to the disk, because that takes longer than the training of a small run. A file that a power
    failure has damaged is found when it is read.
    """
    from safetensors.numpy import save as packed

    data, model = run.data, getattr(run.stack, "model", None)
    transform, target = data.transform, data.target
    known = transform if isinstance(transform, Transform) else None
    about: dict[str, Any] = {
        "schema": 1,
        "key": run.key,
        "keep": keep,
        "shape": list(data.shape),
        "target": {"kind": target.kind} | asdict(target),
        "columns": [asdict(column) for column in known.columns] if known else [],
        "module": {name: int(getattr(model, name)) for name in MODULE} if isinstance(model, ModuleModel) else {},
        "pixels": asdict(known.fitted) if known and isinstance(known.fitted, Pixels) else None,
    }
    if known and about["pixels"] is None:
        write_whole(folder / PREPROCESSING, _preprocessing(known))
    write_whole(folder / WEIGHTS, packed(tensors, {ABOUT: json.dumps(about)}))


@lru_cache(KEPT)
def _preprocessing(transform: Transform) -> bytes:
    """The bytes of a scikit-learn transformer."""
    from skops.io import dumps

    content: bytes = dumps(transform.fitted, compression=ZIP_DEFLATED)
    return content


def remove(folder: Path) -> None:
    """Remove the files of a run, unless it was trained with ``weights=all``."""
    with suppress(NoWeights):
        if _about(folder).keep == "all":
            return
    for name in (WEIGHTS, PREPROCESSING):
        (folder / name).unlink(missing_ok=True)


def stored(folder: Path) -> Stored:
    """The weights in a run's folder. Raises NoWeights, and UsageError for a preprocessing that is not trusted."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    about, file = _about(folder), folder / WEIGHTS
    try:
        tensors = load(read_plain(file, LARGEST))
    except (OSError, SafetensorError, ValueError, KeyError) as error:  # KeyError: of a type that numpy has not
        raise NoWeights([f"{file}: cannot be read as weights of hpsearch ({error})"]) from error
    transform = None
    if about.pixels is not None:
        transform = Transform(about.pixels)
    elif (folder / PREPROCESSING).exists():
        transform = Transform(_trusted(folder / PREPROCESSING), about.columns)
    elif about.columns:
        raise NoWeights([f"{folder / PREPROCESSING}: no such file, and the net reads a table"])
    return Stored(tensors, about.key, about.shape, _target(about), transform, about.module)


class _About(Struct):
    """The metadata of the weights. target: the fields of a `Target`, and its kind."""

    schema: Literal[1]
    key: str
    keep: str
    shape: tuple[Positive, ...]
    target: dict[str, Any]
    columns: tuple[Column, ...]
    module: dict[str, int]
    pixels: Pixels | None


def _about(folder: Path) -> _About:
    """The metadata of a run's weights. Raises NoWeights."""
    from safetensors import SafetensorError, safe_open

    file = folder / WEIGHTS
    try:
        if file.exists() and not file.is_file():
            raise OSError("is no plain file")
        with safe_open(file, framework="numpy") as opened:
            about = msgspec.json.decode((opened.metadata() or {})[ABOUT], type=_About)
            _target(about)
            return about
    except FileNotFoundError as error:
        raise NoWeights([f"{file}: no such file"]) from error
    except (OSError, SafetensorError, KeyError, ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise NoWeights([f"{file}: cannot be read as weights of hpsearch ({reason})"]) from error


def _target(about: _About) -> Target:
    kind: type[Target] = Classes if about.target.get("kind") == Classes.kind else Quantity
    return msgspec.convert(about.target, kind)


def _trusted(file: Path) -> Any:
    """The transformer in a file. Raises UsageError for a type whose code must not run."""
    from skops.io import get_untrusted_types, loads

    try:
        content = read_plain(file, LARGEST)
        unknown = set(get_untrusted_types(data=content))
    except Exception as error:  # skops reads a zip file of JSON, and raises whatever comes
        reason = str(error).partition("\n")[0]
        raise UsageError([f"{file}: cannot be read as a preprocessing ({reason})"]) from error
    trusted = {name for name in unknown if name in INERT or _of_a_plugin(name)}
    if unknown > trusted:
        strange = ", ".join(sorted(unknown - trusted)[:3])
        cure = "only transformers of scikit-learn, and types that a plugin that is imported defines, are"
        raise UsageError([f"{file}: holds {strange}, which is not trusted; {cure}"])
    return loads(content, trusted=sorted(trusted))


def _of_a_plugin(name: str) -> bool:
    """True for a type or function that a module with registered parts defines; one that it imports is not its own."""
    module, _, inner = name.rpartition(".")
    known = any(part.part.__module__ == module for part in registry.plugin_parts())
    return known and getattr(getattr(sys.modules[module], inner, None), "__module__", None) == module
