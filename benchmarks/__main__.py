"""``python -m benchmarks [suite …] [--rounds N]``: Markdown tables on the terminal, ``benchmarks.json``.

Suites: digits, fashion, commands, reports, memory. The cases of a suite run in turn, A B C A B C …, so that a machine
that slows down slows all of them: trust the ratios within a table, not seconds across tables.
"""

import argparse
import datetime
import json
import platform
import statistics
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from benchmarks.suites import SUITES, THREADS, Case, peak_memory
from hpsearch.environment import describe


def interleaved(cases: dict[str, Case], rounds: int) -> list[dict[str, Any]]:
    """Median, least and most seconds of each case, after one round to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    accuracies = {}
    for _ in range(rounds + 1):
        for name, case in cases.items():
            started = perf_counter()
            accuracies[name] = case()
            seconds[name].append(perf_counter() - started)
    return [
        {
            "case": name,
            "median": statistics.median(times[1:]),
            "min": min(times[1:]),
            "max": max(times[1:]),
            "validation_accuracy": accuracies[name],
        }
        for name, times in seconds.items()
    ]


def markdown(suite: str, rows: list[dict[str, Any]]) -> str:
    """One table; the last column is how many times as long as the first row it takes."""
    lines = [f"**{suite}**: {SUITES[suite].__doc__}", ""]
    lines += ["| case | seconds (median, least to most) | mean validation accuracy | times the first row |"]
    lines += ["|---|---|---|---|"]
    for row in rows:
        accuracy = "" if row["validation_accuracy"] is None else f"{row['validation_accuracy']:.2%}"
        spread = f"{row['median']:.2f} ({row['min']:.2f} to {row['max']:.2f})"
        lines.append(f"| {row['case']} | {spread} | {accuracy} | {row['median'] / rows[0]['median']:.3g} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Run the suites that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"of {', '.join([*SUITES, 'memory'])}; default: all")
    parser.add_argument("--rounds", type=int, default=5, help="times that each case is timed (default: 5)")
    parser.add_argument("--output", type=Path, default=Path("benchmarks.json"), help="default: benchmarks.json")
    arguments = parser.parse_args()
    suites = arguments.suites or [*SUITES, "memory"]
    if unknown := sorted(set(suites) - {*SUITES, "memory"}):
        parser.error(f"{unknown[0]}: must be one of {', '.join([*SUITES, 'memory'])}")
    torch.set_flush_denormal(True)
    machine = describe(torch.device("cpu")) | {"threads": THREADS, "system": platform.platform()}
    results: dict[str, Any] = {"date": datetime.date.today().isoformat(), "rounds": arguments.rounds} | machine
    print(f"{results['date']}, {machine['device_name']}, {THREADS} cores, torch {torch.__version__}\n", flush=True)
    for suite in suites:
        if suite == "memory":
            results[suite] = peak_memory()
            print(f"**memory**: {peak_memory.__doc__} {results[suite]:.2f} GiB\n", flush=True)
        else:
            results[suite] = interleaved(SUITES[suite](), arguments.rounds)
            print(markdown(suite, results[suite]), flush=True)
    arguments.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
