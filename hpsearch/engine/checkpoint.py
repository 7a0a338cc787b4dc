"""Checkpoints: the training of a run, kept in a file, so that a run whose process was killed goes on where it was.

A run depends on nothing but its tensors, its history and its seed. So its checkpoint fits any lane of any stack.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from hpsearch.components.layers import Tensors
from hpsearch.engine.result import History
from hpsearch.record.file import write_whole

if TYPE_CHECKING:
    from hpsearch.engine.lane import Lane

ABOUT = "hpsearch"  # the key of the metadata
SCHEMA = 1


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint of the run `key`, in `file`."""

    file: Path
    key: str

    def write(self, lane: "Lane") -> None:
        """Write the state of a lane between two epochs. Raises OSError."""
        from safetensors.torch import save

        tensors = {name: t.detach().to("cpu", copy=True) for name, t in _tensors(lane).items()}
        about = {
            "schema": SCHEMA,
            "key": self.key,
            "torch": torch.__version__,
            "history": asdict(lane.history),
            "seconds": lane.seconds,
            "lanes": lane.lanes,
            "best": lane.best and lane.best[0],
        }
        write_whole(self.file, save(tensors, {ABOUT: json.dumps(about)}))

    def read(self, lane: "Lane") -> None:
        """Let a new lane go on from the checkpoint; without a valid one of its run, it stays as it is."""
        from safetensors import SafetensorError, safe_open

        with suppress(OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError):
            if self.file.is_file():
                with safe_open(self.file, framework="pt") as opened:
                    about = json.loads(opened.metadata()[ABOUT])
                    tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
                if (about["schema"], about["key"], about["torch"]) == (SCHEMA, self.key, torch.__version__):
                    _restore(lane, about, tensors)


def _tensors(lane: "Lane") -> Tensors:
    """All tensors of a lane, by a name that tells their place."""
    found = {f"weights/{name}": t for name, t in lane.tensors.items()}
    found |= {f"state/{buffer}/{name}": t for buffer, named in lane.state.items() for name, t in named.items()}
    found |= {f"average/{name}": t for name, t in lane.average.items()}
    return found | {f"best/{name}": t for name, t in (lane.best[1] if lane.best else {}).items()}


def _restore(lane: "Lane", about: dict[str, Any], tensors: Tensors) -> None:
    """Raises KeyError, TypeError or ValueError for a checkpoint that does not fit."""
    history = History(**{name: [float(value) for value in about["history"][name]] for name in asdict(History())})
    epochs = len(history.train_loss)
    if not 0 < epochs < lane.spec.epochs or len(history.val_loss) != epochs or len(history.val_metric) != epochs:
        raise ValueError("its history does not fit")
    best = about["best"]
    if best is not None and not (type(best) is int and 0 < best <= epochs and lane.spec.patience is not None):
        raise ValueError("its best epoch does not fit")
    fresh = _tensors(lane)
    if best is not None:
        fresh |= {f"best/{name}": t for name, t in lane.tensors.items()}
    if {name: (t.shape, t.dtype) for name, t in fresh.items()} != {n: (t.shape, t.dtype) for n, t in tensors.items()}:
        raise ValueError("its tensors do not fit")
    placed = {name: t.to(fresh[name].device) for name, t in tensors.items()}
    lane.tensors = _below("weights/", placed)
    lane.state = {buffer: _below(f"state/{buffer}/", placed) for buffer in lane.state}
    lane.average = _below("average/", placed)
    lane.best = None if best is None else (best, _below("best/", placed))
    lane.history, lane.seconds, lane.lanes = history, float(about["seconds"]), int(about["lanes"])


def _below(place: str, tensors: Tensors) -> Tensors:
    return {name.removeprefix(place): t for name, t in tensors.items() if name.startswith(place)}
