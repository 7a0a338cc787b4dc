"""``python -m benchmarks [suite …] [--rounds N]``: Markdown tables on the terminal, ``benchmarks.json``.

A suite does the same work in several ways, in turn (`benchmarks.timing`). Run it on a machine that does nothing else.
"""

import argparse
import datetime
import json
import platform
from pathlib import Path
from typing import Any

import torch

from benchmarks.programs import THREADS
from benchmarks.suites import SUITES
from benchmarks.timing import Found, Options, Unmeasured
from hpsearch.engine.place import place_of
from hpsearch.task.environment import describe


def measured(suite: str, options: Options) -> Found:
    """The suite's outcome; where it could not be had, why."""
    try:
        return SUITES[suite](options)
    except Unmeasured as why:
        return Found(str(why), {"reason": str(why)})


def main() -> None:
    """Run the suites that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"of {', '.join(SUITES)}; default: all")
    parser.add_argument("--rounds", type=int, help="times that each case is timed (default: each suite's own, 1 to 5)")
    parser.add_argument("--long", action="store_true", help="growth: 10,000 runs as well; scale: 100,000")
    parser.add_argument("--output", type=Path, default=Path("benchmarks.json"), help="default: benchmarks.json")
    arguments = parser.parse_args()
    suites = arguments.suites or list(SUITES)
    if unknown := sorted(set(suites) - set(SUITES)):
        parser.error(f"{unknown[0]}: must be one of {', '.join(SUITES)}")
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error(f"--rounds {arguments.rounds}: must be at least 1")
    options = Options(arguments.rounds, arguments.long)
    torch.set_flush_denormal(True)
    machine = describe(place_of(torch.device("cuda" if torch.cuda.is_available() else "cpu")))
    machine |= {"threads": THREADS, "system": platform.platform()}
    results: dict[str, Any] = {"date": datetime.date.today().isoformat()} | machine
    print(f"{results['date']}, {machine['device_name']}, {THREADS} cores, torch {torch.__version__}\n", flush=True)
    for suite in suites:
        found = measured(suite, options)
        print(f"**{suite}**: {' '.join((SUITES[suite].__doc__ or '').split())}\n\n{found.markdown}\n", flush=True)
        results[suite] = found.numbers
        arguments.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
