"""The model of a run: its architecture on its data."""

from typing import Any

import torch

from hpsearch.components.architecture.model import Model
from hpsearch.components.architecture.module import ModuleModel
from hpsearch.components.architecture.module_trial import settled
from hpsearch.components.data.dataset import Dataset
from hpsearch.task.config import Settings


def model_of(settings: Settings, data: Dataset, normalization: Any, device: torch.device) -> Model:
    """The model of settings. A module is tried on two samples; raises ValueError if it cannot train."""
    model: Model = settings.architecture(data.shape, data.target.outputs, normalization, settings.dropout[1])
    if not isinstance(model, ModuleModel):
        return model
    batch_size, asked = settings.config["batch_size"], settings.get("lanes_together")
    one_sample = batch_size == 1 or len(data.train) % batch_size == 1
    return settled(model, data.train.x[:2], device, None if asked == "auto" else asked, one_sample)


def lane_lines(models: list[Model]) -> list[str]:
    """The way that the lanes of modules go, a line for each class."""
    lines: dict[str, None] = {}
    for model in models:
        if isinstance(model, ModuleModel):
            name, why = model.cls.__name__, ", ".join(model.spoilers)
            alone = f"one lane after the other, because of {why}" if why else "one lane after the other, as asked for"
            together = (
                f"all lanes of a stack together, {'as rows of one batch' if model.rows else 'by torch.func.vmap'}"
            )
            lines[f"{name}: {together if model.together else alone}"] = None
    return list(lines)
