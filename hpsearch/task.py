"""The task: configurations in, records out. What trains is imported where there is something to train."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from hpsearch import interrupt, record
from hpsearch.attach import Attached
from hpsearch.check import checked
from hpsearch.usage import exit_on_wrong_usage

if TYPE_CHECKING:
    from hpsearch.build import Job
    from hpsearch.engine import History
    from hpsearch.once import Ended, Jobs


def run(cfg: DictConfig) -> float:
    """Train one run and write its record to the job's folder; returns its validation accuracy.

    A run that has a record already is not trained again. Wrong usage ends the process with exit code 2.
    """
    with exit_on_wrong_usage():
        (job,) = checked([cfg])
    from hpsearch import lanes, results

    folder = Path(HydraConfig.get().runtime.output_dir)
    earlier = record.read_done(folder, job.key)
    if earlier is not None:
        print(f"already in {folder}, not trained again")
        return results.value_of(earlier["metrics"]["val_accuracy"])
    jobs = _Listed([(0, job)]) if cfg.trial is None else Attached(job, cfg.trial, cfg.name)
    ((_, outcome),) = lanes.train(jobs, 1)
    return results.deliver(job, outcome, cfg)


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
    from hpsearch import lanes
    from hpsearch.once import TrainedOnce

    feed = TrainedOnce(jobs, sweep)
    with interrupt.listening():
        for number, outcome in lanes.train(feed, lane_count, interrupt.asked):
            yield from feed.ended(number, outcome)


run.run_many, run.run_stream = run_many, run_stream  # type: ignore[attr-defined]  # what a launcher looks for
