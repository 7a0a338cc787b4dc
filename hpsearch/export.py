"""``python -m hpsearch.export mlflow multirun/<sweep> [more folders…]``: write sweeps that exist into a tracker."""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from hpsearch import shell
from hpsearch.arguments import Parser
from hpsearch.errors import SweepError, UsageError
from hpsearch.formatting import count
from hpsearch.record.file import links_out
from hpsearch.record.folders import fault_of_sweep, run_folders
from hpsearch.trackers import options
from hpsearch.trackers.writer import TrackerError, Writer

HELP = {
    ("tensorboard", "folder"): "of the event files (tensorboard/ in the sweep's folder)",
    ("mlflow", "uri"): "of the tracking server or database (MLflow's own default)",
    ("mlflow", "experiment"): "made if there is none (hpsearch)",
    ("wandb", "project"): "(hpsearch)",
    ("wandb", "entity"): "user or team (your default)",
    ("wandb", "mode"): "online or offline (online)",
    ("wandb", "folder"): "in which wandb/ is made (the working directory)",
    ("csv", "folder"): "of runs.csv and curves.csv (csv/ in the sweep's folder)",
}


def _parser() -> argparse.ArgumentParser:
    described = "Write the runs of sweeps into a tracker, those that it has not yet; also of a sweep still running."
    parser = Parser(prog="python -m hpsearch.export", description=described)
    trackers = parser.add_subparsers(dest="tracker", required=True, metavar="TRACKER", help=", ".join(options.KINDS))
    for name, kind in options.KINDS.items():
        one = trackers.add_parser(name, description=described)
        one.add_argument("sweeps", nargs="+", type=Path, metavar="FOLDER", help="a sweep's folder, multirun/<name>")
        for option in fields(kind):
            one.add_argument(f"--{option.name}", metavar=option.name.upper(), help=HELP[name, option.name])
    return parser


def main() -> None:
    """Write runs. Exit code 1: the tracker has failed. Exit code 2: wrong usage."""
    with shell.door():
        typed = vars(_parser().parse_args())
        name, sweeps = typed.pop("tracker"), typed.pop("sweeps")
        if faults := [fault for sweep in sweeps if (fault := fault_of_sweep(sweep))]:
            raise UsageError(faults)
        if links := [link for sweep in sweeps for link in links_out(sweep)]:
            raise UsageError([f"{link}: is a symbolic link that leads out of the sweep; remove it" for link in links])
        given = {key: value for key, value in typed.items() if value is not None}
        chosen = options.read({name: given}, option="--{option}")[name]
        for sweep in sweeps:
            _export(name, sweep, chosen)


def _export(name: str, sweep: Path, chosen: options.Options) -> None:
    writer, folders = Writer(name, sweep, chosen), [sweep.absolute() / each for each in run_folders(sweep)]
    try:
        writer.write(folders)
        writer.close()
    except TrackerError as error:
        done = f"; {count(writer.written, 'run')} written, the same command goes on" if writer.written else ""
        raise SweepError([f"{name}: {error}{done}"]) from error
    for run, fault in writer.damaged.items():
        print(f"note: {sweep.name}/{run}: left out: {fault}", file=sys.stderr)
    where = f": {writer.where}" if writer.where else ""
    there = len(folders) - len(writer.damaged) - len(writer.missing) - writer.written
    earlier = f", {there:,} were there already" if there else ""
    without = f", {count(len(writer.missing), 'run')} without a record" if writer.missing else ""
    print(f"{sweep}: {count(writer.written, 'run')} written{earlier}{without}{where}")


if __name__ == "__main__":
    main()
