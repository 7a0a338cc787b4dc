"""A callback for Hugging Face's Trainer: what it evaluates is reported to the run."""

import re
from typing import Any

from transformers import TrainerCallback

from hpsearch.script.run import TEST, ScriptRun

OF_SPEED = re.compile(r".*_(runtime|per_second|compilation_time)")


class TransformersCallback(TrainerCallback):  # type: ignore[misc]  # of a package that may be missing
    """Reports each evaluation by its step, and the training loss before it.

        trainer = Trainer(callbacks=[TransformersCallback(run)], …)

    Values of ``trainer.predict(…)``, and of ``trainer.evaluate(…, metric_key_prefix="test")``, are those of the test
    part. A run that is pruned leaves ``trainer.train`` by `hpsearch.Pruned`.
    """

    def __init__(self, run: ScriptRun) -> None:
        self._run = run

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """The training loss since the last line."""
        if logs and "loss" in logs:
            self._run.log(state.global_step, train_loss=logs["loss"])

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, Any], **kwargs: Any) -> None:
        """An evaluation during training, or of the test part."""
        values = {name: value for name, value in metrics.items() if not OF_SPEED.fullmatch(name) and name != "epoch"}
        tested = {name: value for name, value in values.items() if name.startswith(TEST)}
        if tested:
            self._run.finish(**tested)
        elif not self._run.rows or self._run.rows[-1].epoch != state.global_step:  # else it is evaluated once more
            self._run.log(state.global_step, **values)

    def on_predict(self, args: Any, state: Any, control: Any, metrics: dict[str, Any], **kwargs: Any) -> None:
        """Predictions of the test part."""
        self.on_evaluate(args, state, control, metrics)
