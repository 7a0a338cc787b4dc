"""Runs in, records out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hpsearch.errors import write_errors
from hpsearch.task import outcome as outcomes
from hpsearch.task.candidates import Candidates
from hpsearch.task.resume import ResumedSource
from hpsearch.workers import scheduler
from hpsearch.workers.pool import MachinePool, OpenPool, Processes
from hpsearch.workers.run import Outcome, Run, RunList, RunSource


@dataclass(frozen=True)
class EndedRun:
    """A run that has ended. trained: False if its result comes from an earlier record or from an equal run."""

    number: int
    folder: Path
    outcome: Outcome
    trained: bool


def train(
    run: Run, folder: Path, keep: str, checkpoint: float | None = None, source: RunSource | None = None
) -> Outcome:
    """Train one run and write its record and weights into `folder`.

    keep, checkpoint: the values of ``weights=`` and ``checkpoint=``. source: has this run alone, and may prune it.
    """
    open_pool = partial(MachinePool, given=Processes(checkpoint=checkpoint))
    ((_, outcome),) = scheduler.train(source or RunList([(0, run)]), lanes=1, open_pool=open_pool)
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)  # a script's function may have removed it
        if run.script:  # Hydra's own log of a job has another name
            outcomes.write_log(folder, outcome)
        outcomes.write(folder, run, outcome, keep)
    return outcome


def train_all(
    source: RunSource,
    sweep: Path,
    lanes: int,
    keep: str,
    stopped: Callable[[], bool] = lambda: False,
    before_record: Callable[[int, Path], None] = lambda number, folder: None,
    open_pool: OpenPool = MachinePool,
    begins: Callable[[int, Path], None] = lambda number, folder: None,
) -> Iterator[EndedRun]:
    """Train the runs of a source in at most `lanes` lanes, each into its folder of `sweep`; yields them as they end.

    keep: the value of ``weights=``.
    stopped: asked after each round; True ends the training, and runs that have not ended are not yielded.
    before_record: called with the number and folder of each trained run before its record marks it as done.
    open_pool: makes the workers.
    begins: called with the number and folder of each run when its training begins.
    """
    candidates = Candidates(sweep, source.seeds) if keep == "winner" else None
    resumed = ResumedSource(source, sweep, candidates)

    def begun(number: int) -> None:
        begins(number, resumed.folder(number))

    for number, outcome in scheduler.train(resumed, lanes, stopped, open_pool, begun):
        folder = resumed.folder(number)
        run, numbers = resumed.ended(number, outcome)
        if run is not None:
            with write_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)  # a script's function may have removed it
                before_record(number, folder)
                outcomes.write_log(folder, outcome)
                outcomes.write(folder, run, outcome, keep)
                if candidates:
                    candidates.ended(run, folder, outcome)
        for asked in numbers:
            yield EndedRun(asked, folder, outcome, trained=run is not None and asked == numbers[0])
