"""A Ray cluster of two nodes beside two processes of one machine."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks import command
from benchmarks.timing import Case, Found, Measured, Options, Unmeasured, compared, interleaved
from hpsearch.record.folders import run_folders

RUNS, EPOCHS = 1_000, 20
SWEEP = "data=digits", "architecture.width=64", "architecture.depth=2", "batch_size=64", f"epochs={EPOCHS}"
GRID = "optimizer=sgd,adam", f"seed=range({RUNS // 2})", "lr=0.01", "report=false", "name=s"
PROCESSES = 2


def ray(options: Options) -> Found:
    """1,000 runs of 64-64-64-10 on digits, from the first record to the last: on a cluster of two nodes of one
    processor each, which stand on this machine, and in two forked processes."""
    if find_spec("ray") is None:
        raise Unmeasured("not installed: pip install -e '.[bench]'")
    with _cluster() as address:
        there = "hydra/launcher=ray", f"hydra.launcher.address={address}", "hydra.launcher.lanes=24"
        cases = [
            Case("two Ray nodes of one processor", partial(_sweep, *there), RUNS),
            Case("two processes", partial(_sweep, f"hydra.launcher.processes={PROCESSES}"), RUNS),
        ]
        return compared(interleaved(cases, options.rounds or 3, warm_up=False), cases[1].name)


@contextmanager
def _cluster() -> Iterator[str]:
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(PROCESSES):
            made.add_node(num_cpus=1)
        yield str(made.address)
    finally:
        made.shutdown()


def _sweep(*more: str) -> Measured:
    """Seconds from the first to the last record, which leaves out the start of the command and of the workers."""
    with tempfile.TemporaryDirectory() as folder:
        ended = command.ended_in(folder, "hpsearch", "-m", *SWEEP, *GRID, *more)
        sweep = Path(folder, "multirun", "s")
        written = sorted((sweep / name / "record.json").stat().st_mtime for name in run_folders(sweep))
        if ended.returncode or len(written) != RUNS:
            raise Unmeasured(f"failed: {re.sub(r'[^ -~]+', ' ', ended.stderr)[-200:]}")
        return Measured(written[-1] - written[0])
