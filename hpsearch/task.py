"""The task: configurations in, records out."""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from hpsearch import engine, environment, record
from hpsearch.check import Job, checked
from hpsearch.engine import Result
from hpsearch.progress import TrainingProgress
from hpsearch.usage import exit_on_write_error, exit_on_wrong_usage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ended:
    """A job of `run_many` that is done. `body` is what is left of the task: called as the job, with Hydra's
    configuration of it in place, it writes the record and returns the value. None: an earlier record stands."""

    index: int
    folder: str
    value: float
    body: Callable[[DictConfig], float] | None


def run(cfg: DictConfig) -> float:
    """Train one run and write its record to the job's folder; returns its validation accuracy.

    A run that has a record already is not trained again. Wrong usage ends the process with exit code 2.
    """
    with exit_on_wrong_usage():
        (job,) = checked([cfg])
    folder = Path(HydraConfig.get().runtime.output_dir)
    earlier = record.read_done(folder, job.key)
    if earlier is not None:
        print(f"already in {folder}, not trained again")
        return _value(earlier["metrics"]["val_accuracy"])
    ((_, outcome),) = _train([job], lanes=1)
    return _deliver(job, outcome, cfg)


def run_many(cfgs: Sequence[DictConfig], numbers: Sequence[int], sweep: Path, lanes: int) -> Iterator[Ended]:
    """Train many runs in stacks of at most `lanes`; yields each as it ends.

    numbers: the jobs', for the folders' names. Wrong usage in any of them ends the process before training.
    """
    with exit_on_wrong_usage():
        jobs = checked(cfgs, sweep)
    folders = record.Folders(sweep)
    names = [folders.name(job.key, number) for job, number in zip(jobs, numbers, strict=True)]
    first: dict[str, int] = {}  # a configuration that is asked for twice is trained once
    waiting, again = [], []
    for index, job in enumerate(jobs):
        earlier = record.read_done(sweep / names[index], job.key)
        if earlier is not None:
            yield Ended(index, names[index], _value(earlier["metrics"]["val_accuracy"]), None)
        elif first.setdefault(job.key, index) == index:
            waiting.append(index)
        else:
            again.append(index)
    if len(waiting) < len(jobs):
        print(f"{len(jobs) - len(waiting)} of {len(jobs)} runs are already in {sweep}", flush=True)
    for index in waiting:
        (sweep / names[index]).mkdir(parents=True, exist_ok=True)  # so that a report knows of runs that are missing
    values = {}
    for position, outcome in _train([jobs[index] for index in waiting], lanes):
        index = waiting[position]
        values[jobs[index].key] = _value(outcome.history.val_accuracy[-1] if isinstance(outcome, Result) else None)
        yield Ended(index, names[index], values[jobs[index].key], partial(_deliver, jobs[index], outcome))
    for index in again:
        yield Ended(index, names[index], values[jobs[index].key], None)


run.run_many = run_many  # type: ignore[attr-defined]  # how a launcher knows that this task trains in stacks


Outcome = Result | Exception


def _train(jobs: Sequence[Job], lanes: int) -> Iterator[tuple[int, Outcome]]:
    """(number of the job, outcome) of each, as it ends, stack by stack."""
    stacks: dict[Any, list[int]] = {}
    for number, job in enumerate(jobs):
        stacks.setdefault(job.stack, []).append(number)
    with TrainingProgress(len(jobs), sum(job.run.epochs for job in jobs)) as progress:
        for numbers in stacks.values():
            for number, outcome in _train_stack(jobs, numbers, lanes, progress):
                done = len(outcome.history.train_loss) if isinstance(outcome, Result) else 0
                progress.run_done(jobs[number].run.epochs - done)
                yield number, outcome


def _train_stack(
    jobs: Sequence[Job], numbers: list[int], lanes: int, progress: TrainingProgress
) -> Iterator[tuple[int, Outcome]]:
    """Train jobs of one stack. If it breaks, halve its lanes: it needs less memory, and a run that breaks alone
    is that run's failure."""
    first = jobs[numbers[0]]
    left = list(numbers)
    failure: Exception | None = None
    try:
        for position, result in first.train(
            [jobs[n].run for n in numbers], first.program, lanes, report=progress.epoch
        ):
            left.remove(numbers[position])
            yield numbers[position], result
    except Exception as error:  # whatever a run's own arithmetic raises is that run's failure
        failure = error
    if failure is None:
        return
    if len(left) == 1:
        yield left[0], failure
        return
    del failure  # it holds the stack's tensors
    half = (min(lanes, len(left)) + 1) // 2
    for start in range(0, len(left), half):
        yield from _train_stack(jobs, left[start : start + half], half, progress)


def _deliver(job: Job, outcome: Outcome, cfg: DictConfig) -> float:
    """Write a run's record and log into its folder; returns its validation accuracy or raises its failure."""
    hydra = HydraConfig.get()
    entry: record.Record = {
        "schema": record.SCHEMA,
        "status": "failed",
        "reason": None,
        "key": job.key,
        "config": job.config,
        "overrides": OmegaConf.to_container(hydra.overrides.task),
        "metrics": dict.fromkeys(record.METRICS),
        "history": {"train_loss": [], "val_loss": [], "val_accuracy": []},
        "test_batches": {"size": engine.EVALUATION_BATCH, "correct": [], "total": []},
        "seconds": 0.0,
        "lanes": 1,
        "environment": environment.describe(job.program.device),
    }
    if isinstance(outcome, Result):
        entry |= _describe(outcome)
    else:
        entry["reason"] = f"{type(outcome).__name__}: {str(outcome).partition(chr(10))[0]}"
    for epoch, numbers in enumerate(zip(*entry["history"].values(), strict=True), start=1):
        log.info("epoch %d: training loss %.4f, validation loss %.4f, validation accuracy %.2f %%",
                 epoch, *numbers[:2], 100 * numbers[2])  # fmt: skip
    log.info("%s%s", entry["status"], f": {entry['reason']}" if entry["reason"] else "")
    folder = Path(hydra.runtime.output_dir)
    with exit_on_write_error(folder):
        record.write(folder, entry)
    if isinstance(outcome, Exception):
        raise outcome
    return _value(entry["metrics"]["val_accuracy"])


def _describe(result: Result) -> dict[str, Any]:
    history = vars(result.history)
    metrics = {name: history[name][-1] for name in ("val_accuracy", "val_loss", "train_loss")}
    tested = result.status == "finished"
    metrics["test_accuracy"] = sum(result.test_correct) / sum(result.test_total) if tested else None
    metrics["test_loss"] = result.test_loss
    return {
        "status": result.status,
        "reason": result.reason,
        "metrics": metrics,
        "history": history,
        "test_batches": {
            "size": engine.EVALUATION_BATCH,
            "correct": result.test_correct,
            "total": result.test_total,
        },
        "seconds": result.seconds,
        "lanes": result.lanes,
    }


def _value(accuracy: float | None) -> float:
    """What Hydra's sweepers get: the validation accuracy, nan where there is none."""
    return math.nan if accuracy is None else accuracy
