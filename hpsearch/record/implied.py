"""The values of keys that a record does not hold, because versions without these keys implied them."""

from copy import deepcopy
from typing import Any

from hpsearch.record.scripts import is_script

DEFAULT = {"name": "default"}
ADDED: dict[str, Any] = {  # left out of a record, so that old sweeps continue
    "metric": "auto",
    "metrics": [],
    "warmup": 0.0,
    "clip": None,
    "label_smoothing": 0.0,
    "class_weights": None,
    "ema": 0.0,
    "patience": None,
    "decay_biases": True,
    "mc_dropout": 0,
    "lanes_together": "auto",
    "split": DEFAULT,
    "preprocessing": DEFAULT,
    "augmentation": {"name": "none"},
    "dropout": {"inputs": False},
}
OF_EVERY_RUN = ("split", "preprocessing", "metric", "metrics")  # the others are of nets


def completed(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a record with the values that were left out."""
    whole = deepcopy(config)
    if is_script(config):
        return whole
    for key, value in ADDED.items():
        if key in OF_EVERY_RUN or "epochs" in config:
            inner = whole.setdefault(key, value)
            if isinstance(inner, dict) and "name" not in value:
                whole[key] = {**value, **inner}
    return whole
