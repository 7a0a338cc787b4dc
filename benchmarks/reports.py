"""Sweeps for the report to read: the quickstart's, and one of thousands of runs that is made from it."""

import json
from pathlib import Path

from hpsearch import record


def multiply(quickstart: Path, sweep: Path, configurations: int) -> None:
    """Write `configurations` x 10 seeds: the quickstart's records under other learning rates, seeds and accuracies."""
    made = [record.load(quickstart / name) for name in record.run_folders(quickstart)]
    for number in range(10 * configurations):
        entry = json.loads(json.dumps(made[number // 10 % len(made)]))
        entry["config"] |= {"lr": 0.1 * 0.99 ** (number // 10), "seed": number % 10}
        for name in ("val_accuracy", "test_accuracy"):
            entry["metrics"][name] = 0.9 - number // 10 / 10_000 + number * 7919 % 1000 / 1e6
        entry["key"] = record.key_of(entry["config"])
        folder = sweep / f"{number:03d}_{entry['key'][:8]}"
        folder.mkdir(parents=True)
        (folder / record.FILE).write_text(json.dumps(entry, indent=1))
