"""How long hpsearch takes to say something."""

import tempfile
from functools import partial
from pathlib import Path

from benchmarks import command
from benchmarks.timing import Case, Found, Options, compared, interleaved


def startup(options: Options) -> Found:
    """Whole commands that train nothing, beside what they may take."""
    with tempfile.TemporaryDirectory() as folder:
        quickstart = Path(folder, "quickstart")
        command.sweep("experiment=quickstart", f"hydra.sweep.dir={quickstart}")
        cases = [
            Case("hpsearch --help", partial(command.timed, "hpsearch", "--help"), goal=1),
            Case("hpsearch lrr=1 (no such key)", partial(command.timed, "hpsearch", "lrr=1", exit_codes=(2,)), goal=1),
            Case("hpsearch lr=-1 (out of range)", partial(command.timed, "hpsearch", "lr=-1", exit_codes=(2,)), goal=1),
            Case("report on 45 runs", partial(command.timed, "hpsearch.report", str(quickstart)), goal=3),
        ]
        return compared(interleaved(cases, options.rounds or 5))
