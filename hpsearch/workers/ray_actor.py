"""The part of a Ray worker that lives on a node: an actor with a `LocalWorker`, and the data sets of its runs.

A data set lies once in the object store of a node, as NumPy arrays, and all actors of the node read it there.
"""

import io
import pickle
import platform
import warnings
from dataclasses import dataclass, fields
from typing import Any

import ray
import torch

import hpsearch
from hpsearch.components.data.dataset import Dataset, Split
from hpsearch.components.registry import register
from hpsearch.script.function import Script, from_bytes
from hpsearch.workers.local import LocalWorker
from hpsearch.workers.memory import keep_freed_memory
from hpsearch.workers.remote import answer_of

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Arrays:
    """A data set as Ray's object store keeps it: NumPy arrays there are read in place."""

    arrays: dict[str, tuple[Any, Any]]
    rest: dict[str, Any]

    @classmethod
    def of(cls, data: Dataset) -> "Arrays":
        arrays = {name: (getattr(data, name).x.numpy(), getattr(data, name).y.numpy()) for name in SPLITS}
        rest = {each.name: getattr(data, each.name) for each in fields(data) if each.name not in SPLITS}
        return cls(arrays, rest | {"source": None})

    def dataset(self) -> Dataset:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the arrays cannot be written: nothing does
            splits = {name: Split(torch.from_numpy(x), torch.from_numpy(y)) for name, (x, y) in self.arrays.items()}
        return Dataset(**(self.rest | splits))


@dataclass(frozen=True)
class Unreadable:
    """The answer to a question that could not be unpickled."""

    reason: str


class Actor:
    """The other side of a `RayWorker`."""

    def __init__(self) -> None:
        self._worker = LocalWorker()
        self._data: dict[int, Dataset | Script] = {}

    def start(self, threads: int, parts: bytes) -> dict[str, str]:
        """Versions, and the address of the node. parts: those that plugins have registered."""
        for group, name, about, part in pickle.loads(parts):
            register(group, name, **about)(part)
        torch.set_num_threads(threads)
        keep_freed_memory()
        return versions() | {"node": ray.util.get_node_ip_address()}

    def answer(self, question: bytes, data: dict[int, Any]) -> object:
        datasets = self._data

        class Unpickler(pickle.Unpickler):
            def persistent_load(self, number: int) -> Dataset | Script:
                return datasets[number]

        try:
            for number, place in data.items():
                if number not in datasets:
                    packed = ray.get(place)
                    datasets[number] = packed.dataset() if isinstance(packed, Arrays) else from_bytes(packed)
            name, argument = Unpickler(io.BytesIO(question)).load()
        except Exception as error:
            return Unreadable(line_of(error))
        return answer_of(self._worker, name, argument)


def versions() -> dict[str, str]:
    """The versions on which the numbers of a run depend."""
    return {"hpsearch": hpsearch.__version__, "torch": torch.__version__, "Python": platform.python_version()}


def line_of(error: BaseException) -> str:
    """The kind of an error, and the first line of its text."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}".rstrip(": ")
