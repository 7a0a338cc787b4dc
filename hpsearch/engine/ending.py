"""The end of a run: its result, and for a finished run its test, the only look at the test split."""

from collections.abc import Sequence

from torch import Tensor

from hpsearch.engine.evaluate import Predict, by_forward, by_passes, counts, evaluate, judge
from hpsearch.engine.lane import Lane, stacked
from hpsearch.engine.place import place_of
from hpsearch.engine.result import Result
from hpsearch.engine.samples import samples_of
from hpsearch.engine.spec import StackSpec


def new_result(lane: Lane, status: str, reason: str | None, spec: StackSpec) -> Result:
    """The result of a run, as far as training knows it."""
    history, judged = lane.history, lane.judged_epoch - 1
    metrics = {
        "train_loss": history.train_loss[judged],
        "val_loss": history.val_loss[judged],
        f"val_{spec.metric.name}": history.val_metric[judged],
    }
    return Result(
        status,
        reason,
        history,
        lane.seconds,
        lane.lanes,
        lane.parameters,
        lane.judged_epoch,
        spec.metric.name,
        metrics,
        place=place_of(spec.device),
    )


def test(lanes: list[Lane], spec: StackSpec, results: Sequence[Result]) -> None:
    """Add the test, the further metrics and the weights to the results of finished lanes."""
    tensors, datasets = stacked([lane.judged for lane in lanes]), [lane.data for lane in lanes]
    metrics = (spec.metric, *spec.more)
    if spec.more and len(spec.data.validation):
        held_out = samples_of("validation", datasets)
        outputs, _ = evaluate(by_forward(spec.model, tensors), held_out)
        for result, found in zip(results, judge(spec.more, outputs, held_out.y, datasets), strict=True):
            result.metrics |= {f"val_{name}": value for name, value in found.items()}
    samples = samples_of("test", datasets)
    outputs, losses = evaluate(_predict(lanes, spec, tensors), samples)
    judged = judge(metrics, outputs, samples.y, datasets)
    for k, (result, found) in enumerate(zip(results, judged, strict=True)):
        result.metrics |= {f"test_{name}": value for name, value in found.items()}
        result.metrics["test_loss"] = losses[k].item() / len(samples)
        result.test_samples = len(samples)
        if spec.metric.kind == "classification":
            result.test_correct, result.test_total = counts(outputs[k].argmax(1) == samples.y[k])
        if spec.weights:
            result.weights = {name: t[0].cpu().numpy().copy() for name, t in lanes[k].judged.items()}


def _predict(lanes: list[Lane], spec: StackSpec, tensors: dict[str, Tensor]) -> Predict:
    """Predicts the test split: by one pass, or by the mean of several with dropout left on."""
    if not spec.mc_dropout:
        return by_forward(spec.model, tensors)
    p, seeds = [lane.spec.dropout for lane in lanes], [lane.spec.seed for lane in lanes]
    return by_passes(spec.model, tensors, spec.mc_dropout, p, seeds, spec.data.target.kind == "classification")
