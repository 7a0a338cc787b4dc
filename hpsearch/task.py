"""The task: configurations in, records out."""

import logging
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from hpsearch import engine, environment, interrupt, lanes, record
from hpsearch.attach import Attached
from hpsearch.check import Job, checked
from hpsearch.engine import History, Result
from hpsearch.lanes import Outcome
from hpsearch.usage import exit_on_write_error, exit_on_wrong_usage

log = logging.getLogger(__name__)


class Jobs(Protocol):
    """Where the jobs of `run_stream` come from and who prunes them: a `hpsearch.lanes.Feed` of jobs.

    runs: how many there will be. searching: whether the record of a pruned run stands.
    """

    runs: int
    searching: bool

    def next(self, free: int) -> Sequence[tuple[int, Job]]: ...
    def prune(self, histories: Mapping[int, History]) -> Collection[int]: ...


@dataclass(frozen=True)
class Ended:
    """A job of `run_stream` that is done. `body` is what is left of the task: called as the job, with Hydra's
    configuration of it in place, it writes the record and returns the value. None: an earlier record stands."""

    number: int
    folder: str
    outcome: Outcome
    body: Callable[[DictConfig], float] | None

    @property
    def value(self) -> float:
        """The validation accuracy, nan where there is none."""
        return self.outcome.history.val_accuracy[-1] if isinstance(self.outcome, Result) else math.nan


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
    jobs = _Listed([(0, job)]) if cfg.trial is None else Attached(job, cfg.trial, cfg.name)
    ((_, outcome),) = lanes.train(jobs, 1)
    return _deliver(job, outcome, cfg)


class _Listed:
    """Jobs that are all known before the first one trains."""

    searching = False

    def __init__(self, jobs: Sequence[tuple[int, Job]]) -> None:
        self.runs = len(jobs)
        self._jobs = jobs

    def next(self, free: int) -> Sequence[tuple[int, Job]]:
        jobs, self._jobs = self._jobs, []
        return jobs

    def prune(self, histories: Mapping[int, History]) -> Collection[int]:
        return ()


def run_many(cfgs: Sequence[DictConfig], numbers: Sequence[int], sweep: Path, lane_count: int) -> Iterator[Ended]:
    """Train many runs in at most `lane_count` lanes; yields each as it ends.

    numbers: the jobs', for the folders' names. Wrong usage in any of them ends the process before training.
    """
    with exit_on_wrong_usage():
        jobs = checked(cfgs, sweep)
    yield from run_stream(_Listed(list(zip(numbers, jobs, strict=True))), sweep, lane_count)


def run_stream(jobs: Jobs, sweep: Path, lane_count: int) -> Iterator[Ended]:
    """Train jobs as they come, in at most `lane_count` lanes; yields each as it ends. Ctrl-C lets the epoch end;
    what is not done then is not yielded."""
    feed = _TrainedOnce(jobs, sweep)
    with interrupt.listening():
        for number, outcome in lanes.train(feed, lane_count, interrupt.asked):
            yield from feed.ended(number, outcome)


run.run_many, run.run_stream = run_many, run_stream  # type: ignore[attr-defined]  # what a launcher looks for


class _TrainedOnce:
    """A feed that trains no run twice: one with a record is done, one that is asked for twice waits for the first.

    Each run that is to be trained gets its folder at once, so that a report knows of runs that are missing.
    """

    def __init__(self, jobs: Jobs, sweep: Path) -> None:
        self.runs = jobs.runs
        self._jobs, self._sweep, self._folders = jobs, sweep, record.Folders(sweep)
        self._keys: dict[int, str] = {}
        self._done: dict[str, Result] = {}
        self._training: dict[str, tuple[Job, list[int]]] = {}  # key -> the run, the numbers that ask for it

    def next(self, free: int) -> Sequence[tuple[int, Job | Result]]:
        asked = self._jobs.next(free)
        new: list[tuple[int, Job | Result]] = []
        for number, job in asked:
            self._keys[number] = job.key
            folder = self._sweep / self._folders.name(job.key, number)
            if job.key not in self._done and (earlier := self._earlier(folder, job.key)):
                self._done[job.key] = earlier
            if job.key in self._done:
                new.append((number, self._done[job.key]))
            elif job.key in self._training:
                self._training[job.key][1].append(number)
            else:
                folder.mkdir(parents=True, exist_ok=True)
                self._training[job.key] = job, [number]
                new.append((number, job))
        done = sum(isinstance(work, Result) for _, work in new)
        if done and not self._jobs.searching:
            print(f"{done} of {len(asked)} runs are already in {self._sweep}", flush=True)
        return new

    def _earlier(self, folder: Path, key: str) -> Result | None:
        entry = record.read_done(folder, key)
        if entry is None or (entry["status"] == "pruned" and not self._jobs.searching):
            return None
        return result_of(entry)

    def prune(self, histories: Mapping[int, History]) -> Collection[int]:
        return self._jobs.prune(histories)

    def ended(self, number: int, outcome: Outcome) -> Iterator[Ended]:
        """This job, and those that have waited for it."""
        key = self._keys[number]
        folder = self._folders.name(key, number)
        if key not in self._training:
            yield Ended(number, folder, outcome, None)
            return
        if isinstance(outcome, Result):
            self._done[key] = replace(outcome, tensors={})
        job, numbers = self._training.pop(key)
        yield Ended(number, folder, outcome, partial(_deliver, job, outcome))
        for waited in numbers[1:]:
            yield Ended(waited, folder, outcome, None)


def _deliver(job: Job, outcome: Outcome, cfg: DictConfig) -> float:
    """Write a run's record and log into its folder; returns its validation accuracy or raises its failure."""
    hydra = HydraConfig.get()
    entry: record.Record = {
        "schema": record.SCHEMA,
        "status": "failed",
        "reason": None,
        "key": job.key,
        "config": job.config,
        "overrides": record.flags(hydra) + [line for line in hydra.overrides.task if not line.startswith("trial=")],
        "metrics": dict.fromkeys(record.METRICS),
        "history": {"train_loss": [], "val_loss": [], "val_accuracy": []},
        "test_batches": {"size": engine.EVALUATION_BATCH, "correct": [], "total": []},
        "seconds": 0.0,
        "lanes": 1,
        "parameters": None,
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
        "parameters": result.parameters,
    }


def result_of(entry: record.Record) -> Result:
    """The inverse of what `_deliver` writes, as far as it was written."""
    history = History(**{name: [_value(number) for number in entry["history"][name]] for name in vars(History())})
    return Result(entry["status"], entry["reason"], history, entry["seconds"], entry["lanes"], entry.get("parameters"))


def _value(accuracy: float | None) -> float:
    """What Hydra's sweepers get: the validation accuracy, nan where there is none."""
    return math.nan if accuracy is None else accuracy
