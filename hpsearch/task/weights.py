"""The weights of a run as files in its folder, with all that a net needs to take rows as they were loaded.

``weights.safetensors`` holds the net's tensors, and in its metadata the target, the shape of a sample and the columns
of a table; ``preprocessing.skops`` holds a table's fitted preprocessing. Neither is a pickle, so neither runs code.

Long, because what is written and what is read back are read together.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED

import numpy as np

from hpsearch.components import registry
from hpsearch.components.architecture.module import ModuleModel
from hpsearch.components.data.raw import Column
from hpsearch.components.preprocessing import Pixels, Transform
from hpsearch.components.target import Classes, Quantity, Target
from hpsearch.engine.spec import StackSpec
from hpsearch.errors import UsageError
from hpsearch.record.file import write_whole
from hpsearch.workers.run import Run

WEIGHTS, PREPROCESSING = "weights.safetensors", "preprocessing.skops"
ABOUT = "hpsearch"  # the key of the metadata
MODULE = ("together", "masks", "draws")  # fields of a `ModuleModel`
INERT = {"numpy.dtype"}  # types that skops does not trust by itself, although they call nothing
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
        "module": {name: getattr(model, name) for name in MODULE} if isinstance(model, ModuleModel) else {},
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
        if _about(folder)["keep"] == "all":
            return
    for name in (WEIGHTS, PREPROCESSING):
        (folder / name).unlink(missing_ok=True)


def stored(folder: Path) -> Stored:
    """The weights in a run's folder. Raises NoWeights, and UsageError for a preprocessing that is not trusted."""
    from safetensors.numpy import load

    about = _about(folder)
    tensors = load((folder / WEIGHTS).read_bytes())
    described = about["target"]
    target: Target = (
        Classes(tuple(described["names"]))
        if described["kind"] == Classes.kind
        else Quantity(described["mean"], described["std"], described["name"])
    )
    columns = tuple(Column(c["name"], tuple(c["categories"]), c["missing"]) for c in about["columns"])
    transform = None
    if about["pixels"] is not None:
        transform = Transform(Pixels(**about["pixels"]))
    elif (folder / PREPROCESSING).exists():
        transform = Transform(_trusted(folder / PREPROCESSING), columns)
    elif columns:
        raise NoWeights([f"{folder / PREPROCESSING}: no such file, and the net reads a table"])
    return Stored(tensors, about["key"], tuple(about["shape"]), target, transform, about["module"])


def _about(folder: Path) -> dict[str, Any]:
    """The metadata of a run's weights. Raises NoWeights."""
    from safetensors import SafetensorError, safe_open

    file = folder / WEIGHTS
    try:
        with safe_open(file, framework="numpy") as opened:
            about = json.loads((opened.metadata() or {})[ABOUT])
        if not isinstance(about, dict) or about.get("schema") != 1:
            raise ValueError("of another version of hpsearch")
    except FileNotFoundError as error:
        raise NoWeights([f"{file}: no such file"]) from error
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise NoWeights([f"{file}: cannot be read as weights of hpsearch ({reason})"]) from error
    return about


def _trusted(file: Path) -> Any:
    """The transformer in a file. Raises UsageError for a type whose code must not run."""
    from skops.io import get_untrusted_types, loads

    try:
        content = file.read_bytes()
        unknown = set(get_untrusted_types(data=content))
    except Exception as error:  # skops reads a zip file of JSON, and raises whatever comes
        reason = str(error).partition("\n")[0]
        raise UsageError([f"{file}: cannot be read as a preprocessing ({reason})"]) from error
    imported = [part.part.__module__ for part in registry.plugin_parts()]
    known = tuple(f"{module}." for module in ("sklearn", *imported))
    trusted = {name for name in unknown if name in INERT or name.startswith(known)}
    if unknown > trusted:
        strange = ", ".join(sorted(unknown - trusted)[:3])
        cure = "only types of scikit-learn and of plugins that are imported are"
        raise UsageError([f"{file}: holds {strange}, which is not trusted; {cure}"])
    return loads(content, trusted=sorted(trusted))
