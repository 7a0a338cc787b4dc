"""What a program wants to know of a sweep: ``summary.json``, and ``best.yaml``, which runs its winner."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from hpsearch.record.commands import command, configuration_command, of_sweep
from hpsearch.record.file import STATUSES, Record
from hpsearch.report.analysis import Findings
from hpsearch.report.summary_table import label

SUMMARY, BEST = "summary.json", "best.yaml"


def write(findings: Findings, sweep: Path) -> None:
    """Write both into the sweep's folder, each whole or not at all."""
    winners = [int(winner) for winner in findings.table.index[findings.table.best]]
    files = {SUMMARY: json.dumps(_summary(findings, winners), indent=1, allow_nan=False) + "\n"}
    for winner in winners:
        data = findings.table.data_set[winner]
        files[BEST if len(winners) == 1 else f"best-{data}.yaml"] = _configuration(findings, sweep, winner)
    for name, content in files.items():
        part = sweep / f".{name}"
        part.write_text(content, encoding="utf-8")
        part.replace(sweep / name)


def _summary(findings: Findings, winners: list[int]) -> dict[str, Any]:
    """Accuracies are fractions. best: a winner for each data set, chosen by `value`, its mean on validation."""
    runs, made = findings.runs, of_sweep(findings.sweeps[0])
    counts = runs.frame.status.value_counts()
    lost = runs.frame[runs.frame.status.isin(["failed", "diverged"])]
    return {
        "schema": 1,
        "name": findings.title,
        "command": made and made.command,
        "best": [_best(findings, winner) for winner in winners],
        "configurations": len(findings.table),
        "runs": {status: int(counts.get(status, 0)) for status in STATUSES} | {"missing": len(runs.missing)},
        "failures": [{"folder": run.folder, "status": run.status, "reason": run.reason} for _, run in lost.iterrows()],
        "seconds": float(runs.frame.seconds.sum()),
    }


def _best(findings: Findings, winner: int) -> dict[str, Any]:
    runs, row = findings.runs, findings.table.loc[winner]
    entries = [runs.records[i] for i in runs.frame.index[runs.frame.configuration == winner]]
    numbers = {
        name: None if pd.isna(row[column]) else float(row[column])
        for name, column in (
            ("value", "val_mean"), ("std", "val_std"), ("test_mean", "test_mean"), ("test_std", "test_std"),
        )
    }  # fmt: skip
    return {
        "data": row.data_set,
        "configuration": label(row, runs.swept),
        **numbers,
        "n": int(row.finished),
        "command": configuration_command(entries),
    }


def _configuration(findings: Findings, sweep: Path, winner: int) -> str:
    """A primary configuration for Hydra: the choices that were made, then every value of the first seed's run."""
    frame = findings.runs.frame
    run = frame[frame.configuration == winner].sort_values("seed").iloc[0]
    entry = findings.runs.records[int(run.name)]
    overrides = [{f"override /{group}": choice} for group, choice in _choices(entry).items()]
    head = [
        f"# The winner of {findings.title}: {label(findings.table.loc[winner], findings.runs.swept)}",
        f"# {command('--config-dir', str(sweep), '--config-name', 'best')}",
    ]
    values = yaml.safe_dump(
        {"defaults": ["config", *overrides, "_self_"], **entry["config"], "name": f"{findings.title}-best"},
        sort_keys=False,
    )
    return "\n".join([*head, values])


def _choices(entry: Record) -> dict[str, str]:
    """The option that the run's command line chooses in each group; the other groups have their default."""
    groups = {"experiment", "search", *(key for key, value in entry["config"].items() if isinstance(value, dict))}
    typed = (line.partition("=") for line in entry["overrides"])
    return {key: value for key, _, value in typed if key in groups and value != "null"}
