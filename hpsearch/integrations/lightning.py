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
        self._run = run

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """After the validation of the epoch."""
        self._run.log(trainer.current_epoch, **trainer.callback_metrics)

    def on_test_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """The values whose names begin with test."""
        self._run.finish(**{name: v for name, v in trainer.callback_metrics.items() if name.startswith(TEST[:-1])})
