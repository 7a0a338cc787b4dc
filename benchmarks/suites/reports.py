"""The report as a whole command."""

import json
import tempfile
from functools import partial
from pathlib import Path

from benchmarks import command
from benchmarks.timing import Case, Found, Options, compared, interleaved
from hpsearch.record.file import FILE, key_of, load_record
from hpsearch.record.folders import run_folders


def reports(options: Options) -> Found:
    """Whole commands: what the report adds to a sweep, and reports on 45 and on 10,000 runs."""
    quickstart = "hpsearch", "-m", "experiment=quickstart"
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "quickstart"), Path(folder, "large")
        command.sweep("experiment=quickstart", f"hydra.sweep.dir={small}")
        multiply(small, large, configurations=1000)
        cases = [
            Case("quickstart, report=false", partial(command.timed, *quickstart, "report=false")),
            Case("quickstart", partial(command.timed, *quickstart)),
            Case("report on its 45 runs", partial(command.timed, "hpsearch.report", str(small))),
            Case("report on 10,000 runs", partial(command.timed, "hpsearch.report", str(large))),
        ]
        return compared(interleaved(cases, options.rounds or 3), cases[0].name)


def multiply(quickstart: Path, sweep: Path, configurations: int) -> None:
    """Write `configurations` x 10 seeds: the quickstart's records under other learning rates, seeds and accuracies."""
    made = [load_record(quickstart / name) for name in run_folders(quickstart)]
    for number in range(10 * configurations):
        entry = json.loads(json.dumps(made[number // 10 % len(made)]))
        entry["config"] |= {"lr": 0.1 * 0.99 ** (number // 10), "seed": number % 10}
        accuracy = 0.9 - number // 10 / 10_000 + number * 7919 % 1000 / 1e6
        entry["metrics"] |= {"val_accuracy": accuracy, "test_accuracy": accuracy}
        entry["history"]["val_accuracy"][entry["epoch"] - 1] = accuracy
        entry["test_batches"] |= {"correct": [], "total": []}
        entry["key"] = key_of(entry["config"])
        folder = sweep / f"{number:03d}_{entry['key'][:8]}"
        folder.mkdir(parents=True)
        (folder / FILE).write_text(json.dumps(entry, indent=1))
