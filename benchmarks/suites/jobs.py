"""The time that a job of a sweep costs beside its training."""

from dataclasses import replace
from statistics import median

from benchmarks import command
from benchmarks.command import Done
from benchmarks.timing import Found, Options, Unmeasured, table

FEW, MANY = 10, 1000
NET = "data=digits", "architecture.width=4", "epochs=1", "batch_size=1437"  # a step of a millisecond


def _empty(jobs: int) -> Done:
    return command.run("benchmarks.peers.hydra_empty", "-m", f"seed=range({jobs})")


def _ours(jobs: int) -> Done:
    done = command.sweep(*NET, f"seed=range({jobs})")
    if len(done.records) != jobs:
        raise Unmeasured(f"failed: hpsearch left {len(done.records)} of {jobs} records")
    return done


def _script(jobs: int) -> Done:
    done = command.run("benchmarks.peers.script_empty", "-m", f"seed=range({jobs})", "name=s", "report=false")
    return replace(done, records=[])  # the function does nothing: no time of its is training


def _beside(few: Done, many: Done) -> float:
    """Milliseconds a job: the start-up is in both and falls out."""
    return 1000 * ((many.seconds - many.training) - (few.seconds - few.training)) / (MANY - FEW)


def jobs(options: Options) -> Found:
    """The time of a job beside its training: (a grid of 1,000 - a grid of 10) / 990, less the time of training."""
    ways = {
        "stock Hydra, basic launcher, empty task": _empty,
        "hpsearch, a net that trains for 1 ms": _ours,
        "hpsearch.main, a function that returns a number": _script,
    }
    measured: dict[str, list[tuple[Done, Done]]] = {name: [] for name in ways}
    for _ in range(options.rounds or 3):
        for name, way in ways.items():
            measured[name].append((way(FEW), way(MANY)))
    beside = {name: [_beside(*pair) for pair in pairs] for name, pairs in measured.items()}
    columns = {
        "way": list(ways),
        f"{FEW} jobs, seconds": [f"{median([few.seconds for few, _ in pairs]):.2f}" for pairs in measured.values()],
        f"{MANY:,} jobs, seconds": [f"{median([m.seconds for _, m in pairs]):.2f}" for pairs in measured.values()],
        "of training": [f"{median([many.training for _, many in pairs]):.2f}" for pairs in measured.values()],
        "ms a job beside it (median, least to most)": [
            f"{median(found):.1f} ({min(found):.1f} to {max(found):.1f})" for found in beside.values()
        ],
    }
    return Found(table(columns), beside)
