"""A sweep as tables: one row per run (``runs.csv``), one row per configuration (the terminal)."""

from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from hpsearch import record
from hpsearch.record import Record

MISSING = "-"


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"optimizer": {"name": "sgd"}} -> {"optimizer.name": "sgd"}; lists become text."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value) if isinstance(value, list) else value
    return flat


def swept_keys(records: list[Record]) -> dict[str, str]:
    """What differs between the runs, seed aside: key in the flat configuration -> its name on the command line.

    A group's other options count only where they differ under one and the same choice.
    """
    configs = [_flat(r["config"]) for r in records]
    keys = [key for key in dict.fromkeys(key for config in configs for key in config) if key != "seed"]
    swept: dict[str, str] = {}
    for key in keys:
        group, dot, option = key.rpartition(".")
        choice = f"{group}.name" if dot and option != "name" else None
        values: dict[Any, set[Any]] = {}
        for config in configs:
            values.setdefault(config.get(choice) if choice else None, set()).add(config.get(key))
        if any(len(different) > 1 for different in values.values()):
            swept[key] = group if option == "name" else key
    return swept


def runs_frame(records: list[tuple[str, Record]]) -> pd.DataFrame:
    """One row per run: number, key, status, seed, swept keys, metrics, seconds, reason."""
    swept = swept_keys([r for _, r in records])
    rows = []
    for folder, r in records:
        flat = _flat(r["config"])
        rows.append(
            {"number": int(folder.partition("_")[0]), "key": r["key"], "status": r["status"], "seed": flat["seed"]}
            | {name: flat.get(key) for key, name in swept.items()}
            | {metric: r["metrics"][metric] for metric in record.METRICS}
            | {"seconds": r["seconds"], "reason": r["reason"]}
        )
    return pd.DataFrame(rows)


def write_runs(sweep: Path, records: list[tuple[str, Record]]) -> None:
    """Write ``runs.csv`` into the sweep's folder, whole or not at all."""
    part = sweep / ".runs.csv"
    try:
        runs_frame(records).to_csv(part, index=False)
        part.replace(sweep / "runs.csv")
    finally:
        part.unlink(missing_ok=True)


def _percent(values: pd.Series) -> str:
    mean, std = 100 * values.mean(), 100 * values.std(ddof=1)
    if pd.isna(mean):
        return MISSING
    return f"{mean:.2f}" if pd.isna(std) else f"{mean:.2f} ± {std:.2f}"


def print_sweep(sweep: Path, records: list[tuple[str, Record]]) -> None:
    """Print mean ± std over seeds of each configuration, and where the sweep lies."""
    runs = runs_frame(records)
    swept = list(swept_keys([r for _, r in records]).values())
    table = Table(*swept, title=f"{sweep.name}: accuracy in %, mean ± std over seeds")
    for name in ("seeds", "validation", "test"):
        table.add_column(name, justify="right", no_wrap=True)
    groups = runs.groupby(swept, sort=False, dropna=False) if swept else [((), runs)]
    rows = []
    for values, group in groups:
        done = group[group.status == "finished"]
        seeds = str(len(group)) if len(done) == len(group) else f"{len(done)}/{len(group)}"
        cells = [MISSING if value is None or value != value else str(value) for value in values]
        rows.append(
            (done.val_accuracy.mean(), [*cells, seeds, _percent(done.val_accuracy), _percent(done.test_accuracy)])
        )
    best = max((mean for mean, _ in rows if not pd.isna(mean)), default=None)
    for mean, cells in rows:
        table.add_row(*cells, style="bold" if mean == best and len(rows) > 1 else "")
    console = Console()
    console.print(table)
    for name, r in records:
        if r["status"] != "finished":
            console.print(f"{name}: {r['reason'] or r['status']}", markup=False, highlight=False)
    print(f"{len(records)} runs, {runs.seconds.sum():.1f} s of training, in {sweep}")


def print_run(folder: Path) -> None:
    """Print the result of one run, if it has a record."""
    r = record.read(folder)
    if r is None:
        return
    metrics = r["metrics"]
    if r["status"] == "finished":
        accuracies = f"validation {metrics['val_accuracy']:.2%}, test {metrics['test_accuracy']:.2%}"
        print(
            f"{accuracies} accuracy after {len(r['history']['val_accuracy'])} epochs, {r['seconds']:.1f} s of training"
        )
    else:
        print(f"{r['status']}: {r['reason']}")
    print(f"record in {folder}")
