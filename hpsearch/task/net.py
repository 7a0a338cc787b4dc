"""A trained net for use: an `nn.Module` that takes rows as they were loaded, with their preprocessing inside.

Long, because one net and several share their ways to predict.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from hpsearch.components.architecture.model import Model, is_trained
from hpsearch.components.architecture.module import ModuleModel
from hpsearch.components.dropout import dropout_of
from hpsearch.components.target import Classes, Quantity, Target
from hpsearch.engine.evaluate import Predict, by_forward, by_passes, predicted, unstandardised
from hpsearch.engine.samples import EVALUATION_BATCH
from hpsearch.engine.threads import threads_for
from hpsearch.errors import UsageError
from hpsearch.record.implied import ADDED
from hpsearch.record.shape import Record
from hpsearch.task.inputs import Inputs, Rows
from hpsearch.task.weights import Stored


class Predictor(nn.Module):
    """Predicts from rows as they were loaded: one net, or several."""

    target: Target
    inputs: Inputs
    record: Record

    def _judged(self, rows: Rows) -> np.ndarray:
        """Probabilities [n, classes], or values [n] in the target's unit."""
        raise NotImplementedError

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes. Raises UsageError for a regression."""
        if isinstance(self.target, Quantity):
            raise UsageError([f"{self.target.name}: is a quantity and has no classes; .predict gives its values"])
        return self.target.names

    def predict(self, rows: Rows) -> np.ndarray:
        """The name of the most probable class of each row, or its value in the target's unit: [n]."""
        judged = self._judged(rows)
        return self._named(judged.argmax(1)) if isinstance(self.target, Classes) else judged

    def _named(self, numbers: np.ndarray) -> np.ndarray:
        names: np.ndarray = np.array(self.classes)[numbers]
        return names

    def predict_proba(self, rows: Rows) -> np.ndarray:
        """The probabilities of the classes, [n, classes], in the order of `classes`."""
        _ = self.classes
        return self._judged(rows)


class Net(Predictor):
    """The net of one run. Its parameters and running statistics stand in `weights`, named as in the run.

    record: of its run. Rows are predicted in the batches and with the passes of its test, so that its test rows give
    its record's numbers.
    """

    def __init__(self, record: Record, model: Model, stored: Stored) -> None:
        super().__init__()
        self.record, self.target, self.inputs = record, stored.target, Inputs(stored.shape, stored.transform)
        config = record["config"]
        bfloat16 = config["precision"] == "bfloat16"
        self._model, self._dtype = model, torch.bfloat16 if bfloat16 else torch.float32
        self._tf32 = config["precision"] == "tf32"
        self._batch_size, self._seed = config["batch_size"], config["seed"]
        self._passes = config.get("mc_dropout", ADDED["mc_dropout"])
        self._p, _ = dropout_of(config["dropout"])
        self.weights = nn.Module()
        for name, array in stored.tensors.items():
            _enter(self.weights, name, torch.from_numpy(array.copy()))
        self.eval()

    @property
    def device(self) -> torch.device:
        """Where its weights lie."""
        return next(self.weights.parameters()).device

    @property
    def module(self) -> nn.Module:
        """The user's own module with these weights, for preprocessed samples. Raises UsageError for another net."""
        if not isinstance(self._model, ModuleModel):
            raise UsageError(["architecture: is no nn.Module of its own; the net that was loaded is one"])
        module = self._model.new_module()
        tensors = {name: t.detach() for name, t in (*self.weights.named_parameters(), *self.weights.named_buffers())}
        module.load_state_dict(self._model.state_dict(tensors))
        return module.eval()

    def forward(self, rows: Rows) -> Tensor:
        """Logits [n, classes], or values [n] in the target's unit."""
        x = self.inputs(rows).to(self.device, self._dtype)
        outputs = self._model.forward(self._tensors(), x[None], None, self.training)[0].float()
        if isinstance(self.target, Classes):
            return outputs
        return outputs.squeeze(1) * self.target.std + self.target.mean

    def outputs(self, x: Tensor) -> Tensor:
        """The outputs as in the test of its run, without a gradient: [n, outputs], standardised for a quantity.

        x: [n, features], preprocessed.
        """
        tensors = {name: t.detach() for name, t in self._tensors().items()}
        predict: Predict = by_forward(self._model, tensors)
        if self._passes:
            classes = isinstance(self.target, Classes)
            predict = by_passes(self._model, tensors, self._passes, [self._p], [self._seed], classes)
        trained = sum(parameter.numel() for parameter in self.weights.parameters())
        with threads_for(self._model, self._batch_size, trained), _arithmetic(self._tf32):
            batches = x.detach().to(self.device, self._dtype).split(EVALUATION_BATCH)
            return torch.cat([predict(number, batch[None]) for number, batch in enumerate(batches)], 1)[0]

    def predict(self, rows: Rows) -> np.ndarray:
        if isinstance(self.target, Classes):
            return self._named(self.outputs(self.inputs(rows)).argmax(1).cpu().numpy())
        return self._judged(rows)

    def _judged(self, rows: Rows) -> np.ndarray:
        reads = "probabilities" if isinstance(self.target, Classes) else "values"
        judged: np.ndarray = predicted(self.outputs(self.inputs(rows))[None], reads)[0]
        return unstandardised(judged, self.target)

    def _tensors(self) -> dict[str, Tensor]:
        """With a lane axis, [1, ...] each."""
        return {name: t[None] for name, t in (*self.weights.named_parameters(), *self.weights.named_buffers())}


class Ensemble(Predictor):
    """Several nets of one configuration: the mean of their probabilities, or of their values."""

    def __init__(self, nets: Sequence[Net]) -> None:
        super().__init__()
        self.nets, self.target = nn.ModuleList(nets), nets[0].target
        self.inputs, self.record = nets[0].inputs, nets[0].record
        self.eval()

    def forward(self, rows: Rows) -> Tensor:
        """Logarithms of the mean probabilities [n, classes], or values [n] in the target's unit."""
        outputs = torch.stack([net(rows) for net in self.nets])
        return outputs.softmax(2).mean(0).log() if isinstance(self.target, Classes) else outputs.mean(0)

    def _judged(self, rows: Rows) -> np.ndarray:
        classes = isinstance(self.target, Classes)
        nets = [net for net in self.nets if isinstance(net, Net)]
        judged = [net.predict_proba(rows) if classes else net.predict(rows) for net in nets]
        mean: np.ndarray = np.mean(judged, axis=0)
        return mean


def _enter(module: nn.Module, name: str, tensor: Tensor) -> None:
    """Make a tensor a parameter or buffer of a tree of modules, by its name with dots."""
    *parents, last = name.split(".")
    for parent in parents:
        if parent not in dict(module.named_children()):
            module.add_module(parent, nn.Module())
        module = module.get_submodule(parent)
    if is_trained(name):
        module.register_parameter(last, nn.Parameter(tensor))
    else:
        module.register_buffer(last, tensor)


@contextmanager
def _arithmetic(tf32: bool) -> Iterator[None]:
    """Inside, numbers are computed as in training: denormal ones are 0, and products in TF32 if the run had that."""
    flushed = bool(torch.tensor(1e-39) * 0.5 == 0)
    before = torch.backends.cuda.matmul.allow_tf32
    torch.set_flush_denormal(True)
    torch.backends.cuda.matmul.allow_tf32 = tf32
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed)
        torch.backends.cuda.matmul.allow_tf32 = before
