"""Checks of a run against its data and its machine."""

import os
from functools import cache

import torch

from hpsearch.components.data.dataset import Dataset
from hpsearch.components.target import Classes
from hpsearch.errors import require, typed
from hpsearch.record.implied import ADDED
from hpsearch.task.config import Settings


def check_target(settings: Settings, data: Dataset) -> None:
    """Raise UsageError for keys that the target, the samples or the splits do not allow."""
    classes = isinstance(data.target, Classes)
    for key in ("label_smoothing", "class_weights"):
        value = settings.get(key)
        require(classes or not value, key, value, f"{typed(ADDED[key])}: it is for classes, and the data a regression")
    image = len(data.shape) in (2, 3)
    name = settings.get("augmentation")["name"]
    require(image or not settings.augmentation, "augmentation", name, "none: the samples are not images")
    patience = settings.get("patience")
    require(bool(len(data.validation)) or not patience, "patience", patience, "null: there is no validation split")


def check_memory(parameters: int, device: torch.device) -> None:
    """Raise ValueError if a net cannot fit, because a system that overcommits memory would end the whole sweep."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if device.type == "cuda":
        there = torch.cuda.get_device_properties(device).total_memory
    need = 8 * parameters  # float32, with gradients
    if need > there:
        size = f"take {need >> 30:,} GiB, and {device} has {there >> 30:,}"
        raise ValueError(f"{parameters:,} parameters and their gradients {size}; lower width or depth")


@cache
def device_of(name: str) -> torch.device:
    """auto, cpu, cuda or cuda:N; a device without a number stands for any of several. Raises OutOfRange for a device
    that is not there."""
    count = torch.cuda.device_count()
    kind, _, number = name.partition(":")
    any_of_them = torch.device("cuda" if count > 1 else "cuda:0")
    if name == "auto":
        return any_of_them if count else torch.device("cpu")
    there = kind == "cpu" or int(number or 0) < count
    found = f"the CUDA devices here are cuda:0 to cuda:{count - 1}" if count else "there is no CUDA device here"
    require(there, "device", name, f"another device: {found}; device=cpu always works")
    return torch.device(name) if number or kind == "cpu" else any_of_them
