"""Runs that have a record already."""

from pathlib import Path

import pytest

from hpsearch.engine.result import History, Result
from hpsearch.task.outcome import write
from hpsearch.task.prepare import prepare
from hpsearch.task.resume import ResumedSource
from hpsearch.workers.run import Run, RunList
from tests.cli import TINY
from tests.composing import job_cfg


class Search(RunList):
    adaptive = True


@pytest.mark.parametrize(("source", "kind"), [(RunList, Run), (Search, Result)])
def test_a_grid_trains_a_pruned_run_anew_and_a_search_keeps_it(
    tmp_path: Path, source: type[RunList], kind: type
) -> None:
    (run,) = prepare([(job_cfg(*TINY), [])])
    resumed = ResumedSource(RunList([(0, run)]), tmp_path)
    resumed.next_runs(1)
    pruned = Result("pruned", "pruned after epoch 1 of 2", History([1.0], [1.0], [0.1]), 1.0, 1)
    write(resumed.folder(0), run, pruned, "none")
    ((_, found),) = ResumedSource(source([(0, run)]), tmp_path).next_runs(1)
    assert isinstance(found, kind)
