"""Write the results for programs: ``summary.json``, and ``best.yaml``, which runs the winner."""

import json
import re
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from hpsearch.formatting import inert
from hpsearch.record.commands import command, configuration_command
from hpsearch.record.file import write_whole
from hpsearch.record.multirun import read_multirun
from hpsearch.record.scripts import SCRIPT, choices, is_script
from hpsearch.record.shape import STATUSES, Record
from hpsearch.report.findings import Findings
from hpsearch.report.summary_table import label
from hpsearch.report.verdict import EQUAL, HIGHER, LOWER, TIE, UNTESTABLE, Verdict

FILES = (("data", "path"), ("split", "files"))  # the options that name files
INTERPOLATION = re.compile(r"\$\{")
RESOLVER = re.compile(r"(?<!\\)\$\{(?=[^{}]*:)")  # an interpolation that calls something
SUMMARY, BEST = "summary.json", "best.yaml"


def write(findings: Findings, sweep: Path) -> None:
    """Write both files into the sweep's folder, each whole or not at all."""
    winners = [int(winner) for winner in findings.table.index[findings.table.best]]
    files = {SUMMARY: json.dumps(_summary(findings, winners), indent=1, allow_nan=False) + "\n"}
    for winner in winners:
        data = findings.table.data_set[winner]
        plain = re.sub(r"[^\w.-]", "_", data)
        name = BEST if len(winners) == 1 else f"best-{plain}.yaml"
        files[name] = _configuration(findings, sweep / name, winner)
    for name, content in files.items():
        write_whole(sweep / name, content.encode())


def _summary(findings: Findings, winners: list[int]) -> dict[str, Any]:
    """Metrics in percent are fractions. best: a winner for each data set, chosen by `value`, its mean on validation.
    metric: left out for accuracy. comparisons: of each winner with every other configuration of its data set."""
    runs, measure = findings.runs, findings.runs.measure
    described = {"name": measure.name, "maximize": measure.maximize, "unit": measure.unit}
    counts = runs.frame.status.value_counts()
    lost = runs.frame[runs.frame.status.isin(["failed", "diverged"])]
    return {
        "schema": 1,
        "name": findings.title,
        "command": next((origin.command for origin in findings.origins), None),
        **({} if measure.is_accuracy else {"metric": described}),
        "best": [_best(findings, winner) for winner in winners],
        "comparisons": [one for verdict in findings.verdicts for one in _comparisons(findings, verdict)],
        "configurations": len(findings.table),
        "runs": {status: int(counts.get(status, 0)) for status in STATUSES} | {"missing": len(runs.missing)},
        "failures": [{"folder": run.folder, "status": run.status, "reason": run.reason} for _, run in lost.iterrows()],
        "seconds": float(runs.frame.seconds.sum()),
    }


def _best(findings: Findings, winner: int) -> dict[str, Any]:
    runs, row = findings.runs, findings.table.loc[winner]
    columns = {"value": "val_mean", "std": "val_std", "test_mean": "test_mean", "test_std": "test_std"}
    columns |= {f"test_{name}_{number}": f"test_{name}_{number}" for name in runs.further for number in ("mean", "std")}
    return {
        "data": row.data_set,
        "configuration": label(row, runs.swept),
        **{name: None if pd.isna(row[column]) else float(row[column]) for name, column in columns.items()},
        "n": int(row.finished),
        "command": configuration_command(runs.records_of(winner)),
    }


def _comparisons(findings: Findings, verdict: Verdict) -> list[dict[str, Any]]:
    """The numbers behind the table of comparisons: difference is the winner's metric on test minus the other's; wins is
    P(better). Numbers that are not known are null."""
    numbers = ["difference", "low", "high", "p", "p_holm", "effect", "wins", "wins_low", "wins_high", "equal_within"]
    worse, better = (LOWER, HIGHER) if findings.runs.measure.maximize else (HIGHER, LOWER)
    words = {worse: "better", better: "worse", EQUAL: "equal", TIE: "undecided", UNTESTABLE: "undecided"}
    return [
        {
            "data": verdict.table.data_set[c],
            "configuration": label(verdict.table.loc[c], findings.runs.swept),
            "winner_is": words[other.result],
            "test": "sequential" if verdict.repeated else "exact",
            "n": int(other.n),
            **{name: float(other[name]) if isfinite(other[name]) else None for name in numbers},
        }
        for c, other in verdict.others.iterrows()
    ]


def _configuration(findings: Findings, file: Path, winner: int) -> str:
    """A primary configuration for Hydra: the winner's part in each group, then every value of its first seed's run.

    The parts are named one by one, because an experiment would bring its sweep along, and by their own names, because
    a file of the user's that chooses one may be out of reach. Any name does for a dropout, so that none is chosen. The
    path of a file that was typed stands for its fingerprint.
    """
    record = min(findings.runs.records_of(winner), key=lambda record: record["config"]["seed"])
    if is_script(record["config"]):
        return _script_configuration(findings, file, winner, record)
    typed = dict(line.split("=", 1) for line in record["overrides"] if "=" in line)
    config = record["config"].items()
    groups = {key: value["name"] for key, value in config if isinstance(value, dict) and "name" in value}
    choices = [{f"override /{group}": None if group == "dropout" else name} for group, name in groups.items()]
    values = {"defaults": ["config", *choices, "_self_"], **_literal(record["config"])}
    for group, option in FILES:
        if values.get(group, {}).pop("fingerprint", None) and (path := typed.get(f"{group}.{option}")):
            values[group][option] = yaml.safe_load(path)
    values.pop("code", None)  # which is read anew
    values["name"] = f"{findings.title}-best"
    plugins = [line for line in record["overrides"] if line.startswith("plugins=")]  # a YAML file cannot name them
    return (
        f"# The winner of {inert(findings.title)}: {label(findings.table.loc[winner], findings.runs.swept)}\n"
        f"# {command('--config-dir', str(file.parent), '--config-name', file.stem, *plugins)}\n"
        f"{yaml.safe_dump(values, sort_keys=False)}"
    )


def _script_configuration(findings: Findings, file: Path, winner: int, record: Record) -> str:
    """As `_configuration`: the script's own primary configuration with the winner's parts, then every value."""
    config = {key: value for key, value in record["config"].items() if key != SCRIPT}
    values = _literal(config, RESOLVER)  # other texts are as they were written
    told = (read_multirun(file.parent) or {}).get(SCRIPT)
    own = told.get("config") if isinstance(told, dict) else None
    parts = [
        {f"/{group[1:]}" if group.startswith("+") else f"override /{group}": name}
        for group, name in choices(record["config"], record["overrides"]).items()
    ]
    values = {"defaults": [*([own] if own else []), *parts, "_self_"], **values, "name": f"{findings.title}-best"}
    return (
        f"# The winner of {inert(findings.title)}: {label(findings.table.loc[winner], findings.runs.swept)}\n"
        f"# {command('--config-dir', str(file.parent), '--config-name', file.stem, script=record['script'])}\n"
        f"{yaml.safe_dump(values, sort_keys=False)}"
    )


def _literal(value: Any, interpolation: "re.Pattern[str]" = INTERPOLATION) -> Any:
    """A copy of a value in which OmegaConf takes no text for an interpolation of this kind."""
    if isinstance(value, dict):
        return {key: _literal(inner, interpolation) for key, inner in value.items()}
    if isinstance(value, list):
        return [_literal(inner, interpolation) for inner in value]
    return interpolation.sub(r"\\${", value) if isinstance(value, str) else value
