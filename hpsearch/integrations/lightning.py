"""A callback for Lightning: what a module logs is reported to the run."""

from typing import Any

try:
    from lightning.pytorch import Callback
except ImportError:  # the same library by its other name
    from pytorch_lightning import Callback

from hpsearch.script.run import TEST, ScriptRun


class LightningCallback(Callback):  # type: ignore[misc]  # of a package that may be missing
    """Reports each epoch's logged values, and those of ``trainer.test`` as the test part.

        trainer = Trainer(callbacks=[LightningCallback(run)], …)

    A run that is pruned leaves ``trainer.fit`` by `hpsearch.Pruned`.
    """

    def __init__(self, run: ScriptRun) -> None:
        self._run, self._first, self._validated = run, 0, False

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Epochs of a second fit follow those of the first."""
        last = self._run.rows[-1].epoch if self._run.rows else -1
        self._first = last + 1 if trainer.current_epoch <= last else 0

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """The epoch has been validated."""
        self._validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """After the validation of the epoch. Values of an earlier validation are no news."""
        values = trainer.callback_metrics
        if not self._validated:
            values = {name: value for name, value in values.items() if name.startswith("train")}
        self._validated = False
        self._run.log(self._first + trainer.current_epoch, **values)

    def on_test_end(self, trainer: Any, pl_module: Any) -> None:
        """The values whose names begin with test."""
        self._run.finish(**{name: v for name, v in trainer.callback_metrics.items() if name.startswith(TEST[:-1])})
