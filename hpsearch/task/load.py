"""The net of a run from its record and its weights, without its data."""

from dataclasses import replace
from pathlib import Path

import torch

from hpsearch.components import registry
from hpsearch.components.architecture.classifiers import CLASSIFIERS
from hpsearch.components.architecture.module import ModuleModel
from hpsearch.components.architecture.options import ARCHITECTURES
from hpsearch.components.dropout import dropout_of
from hpsearch.components.normalization import NORMALIZATIONS
from hpsearch.errors import UsageError
from hpsearch.record.shape import Record
from hpsearch.task.net import Net
from hpsearch.task.weights import NoWeights, stored


def net_of(folder: Path, record: Record) -> Net:
    """The net of a run, on the CPU. Raises NoWeights, and UsageError if the files do not fit the record."""
    config = record["config"]
    name = config["architecture"]["name"]
    if name in CLASSIFIERS:
        raise NoWeights([f"architecture={name}: a classifier of scikit-learn, of which no weights are kept"])
    if record["status"] != "finished":
        raise NoWeights([f"{folder}: the run has {record['status']}, and only finished runs keep their weights"])
    found = stored(folder)
    if name not in ARCHITECTURES:
        raise UsageError([f"architecture={name}: {_unknown(record)}"])
    normalization = registry.build(NORMALIZATIONS, config["normalization"])
    _, drops_inputs = dropout_of(config["dropout"])
    architecture = registry.build(ARCHITECTURES, config["architecture"])
    model = architecture(found.shape, found.target.outputs, normalization, drops_inputs)
    if isinstance(model, ModuleModel):
        model = replace(model, **found.module)
    wanted = model.tensors(lambda weight, generator: weight, torch.Generator())
    shapes = {key: tuple(t.shape[1:]) for key, t in wanted.items()}
    if found.key != record["key"] or shapes != {key: array.shape for key, array in found.tensors.items()}:
        raise NoWeights([f"{folder}: its weights are not those of its record"])
    return Net(record, model, replace(found, tensors={key: found.tensors[key] for key in wanted}))


def _unknown(record: Record) -> str:
    """The cure for a net that no module has registered, as far as the run's command tells."""
    lines = [line for line in record["overrides"] if line.lstrip("+").startswith("plugins=")]
    known = lines[-1].partition("=")[2].strip("[]") if lines else "<its module>"
    return f"is of a plugin that is not imported; import {known} first (on the command line: --plugins {known})"
