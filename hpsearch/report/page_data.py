"""The data of the page: configurations, runs and learning curves as plain values, which page.js draws.

Configurations stand best first; their number on the page is their place in this order, from 1.
"""

from typing import Any

import numpy as np
import pandas as pd

from hpsearch.record.commands import configuration_command
from hpsearch.report.findings import Findings
from hpsearch.report.short_names import rounded_name, short_keys
from hpsearch.report.summary_table import (
    best_first,
    is_numeric,
    is_pruned,
    label,
    ordered_values,
    places,
    position,
    text,
    validation,
)
from hpsearch.report.verdict import Verdict

MOST_NUMBERS = 100_000  # of all learning curves together; longer ones are thinned out
FEWEST_EPOCHS = 10  # that a curve keeps


def page_data(findings: Findings) -> dict[str, Any]:
    """All that page.js draws from."""
    runs, table = findings.runs, best_first(findings.table)
    measure, numbers = runs.measure, places(findings.table)
    frame = runs.frame
    return {
        "title": findings.title,
        "searched": any(origin.searched for origin in findings.origins),
        "measure": {
            "title": measure.title,
            "percent": measure.in_percent,
            "maximize": measure.maximize,
            "validation": measure.label("validation"),
            "test": measure.label("test"),
        },
        "keys": [_key(findings, key, short) for key, short in short_keys(runs.swept).items()],
        "configurations": _configurations(findings, table),
        "runs": {
            "configuration": [numbers[c] for c in frame.configuration],
            "seed": frame.seed.tolist(),
            "status": frame.status.tolist(),
            "validation": _numbers(frame[measure.val]),
            "test": _numbers(frame[measure.test]),
            "seconds": _numbers(frame.seconds),
            "folder": [f"{sweep}/{folder}" for sweep, folder in zip(frame.sweep, frame.folder, strict=True)],
            "reason": [reason or "" for reason in frame.reason],
        },
        "curves": _curves(findings),
    }


def _key(findings: Findings, key: str, short: str) -> dict[str, Any]:
    """A swept key. values: texts in their order, of a key that is no number."""
    table, numeric = findings.table, is_numeric(findings.table, key)
    values = table[key].dropna().astype(float) if numeric else table[key].iloc[:0]
    wide = bool(numeric and len(values) and values.min() > 0 and values.max() >= 10 * values.min())
    ordered = [] if numeric else [text(value) for value in ordered_values(table, key)]
    return {"name": key, "short": short, "numeric": numeric, "log": wide, "values": ordered}


def _configurations(findings: Findings, table: pd.DataFrame) -> list[dict[str, Any]]:
    """Numbers and texts of each configuration. order: its place among the configurations by the number of its runs."""
    runs, measure = findings.runs, findings.runs.measure
    first = runs.frame.groupby("configuration").number.min()
    order = {c: place for place, c in enumerate(first.sort_values(kind="stable").index)}
    rows = dict(list(runs.frame.groupby("configuration").groups.items()))
    ordered = {key: ordered_values(findings.table, key) for key in runs.swept if not is_numeric(table, key)}
    results = {c: result for verdict in findings.verdicts for c, result in _results(verdict).items()}
    made = []
    for c, row in table.iterrows():
        values = [
            (None if pd.isna(row[key]) else float(row[key])) if key not in ordered else position(ordered[key], row[key])
            for key in runs.swept
        ]
        made.append(
            {
                "label": label(row, runs.swept),
                "short": rounded_name(row, runs.swept) or "the configuration",
                "command": configuration_command([runs.records[i] for i in rows[c]]),
                "values": values,
                "n": int(row.n),
                "finished": int(row.finished),
                "pruned": is_pruned(row),
                "validation": _number(validation(row)),
                "test": _number(row.test_mean),
                "low": _number(row.test_low),
                "high": _number(row.test_high),
                "texts": [
                    measure.value(validation(row), row.val_std),
                    measure.value(row.test_mean, row.test_std),
                ],
                "best": bool(row.best),
                "result": results.get(c, ""),
                "order": order[c],
            }
        )
    return made


def _results(verdict: Verdict) -> dict[Any, str]:
    others = verdict.others
    return dict(zip(others.index, others.result, strict=True)) if "result" in others else {}


def _curves(findings: Findings) -> dict[str, Any]:
    """The learning curves of all runs, a list each, at the same epochs. A curve of fewer epochs is shorter, and has its
    last value in any case; `ends` are the epochs of these."""
    runs = findings.runs
    names = {"validation": runs.measure.val, "training loss": "train_loss"}
    ends = [len(record["history"]["train_loss"]) for record in runs.records]
    longest = max(ends, default=0)
    most = max(FEWEST_EPOCHS, MOST_NUMBERS // (len(names) * max(len(ends), 1)))
    step = 1 if longest <= most else longest / most
    epochs = sorted({round(epoch) for epoch in np.arange(1, longest + 1, step)})
    curves: dict[str, Any] = {"epochs": epochs, "ends": ends}
    for name, key in names.items():
        curves[name] = []
        for record, end in zip(runs.records, ends, strict=True):
            history = record["history"][key]
            kept = [history[epoch - 1] for epoch in epochs if epoch <= end]
            kept += [history[-1]] if end and end not in epochs else []
            curves[name].append([_number(value) for value in kept])
    return curves


def _number(value: float | None) -> float | None:
    """Four significant digits; None for a number that is not finite."""
    return None if value is None or value != value or abs(value) == float("inf") else float(f"{value:.4g}")


def _numbers(column: "pd.Series[float]") -> list[float | None]:
    return [None if not np.isfinite(value) else float(f"{value:.6g}") for value in column]
