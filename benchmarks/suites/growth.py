"""How the cost grows with lanes, with runs and with the width of the nets; a figure shows it."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib

from benchmarks.command import CHECKOUT, hpsearch
from benchmarks.products import products
from benchmarks.programs import digits_program, on_all_cores
from benchmarks.stacked import stacked
from benchmarks.timing import Case, Found, Measured, Options, Row, Unmeasured, clocked, interleaved, table
from benchmarks.work import QUICKSTART, Work

LANES = (1, 2, 4, 8, 16, 32, 64)
RUNS, LONG = (10, 100, 1000), 10_000
WIDTHS = (64, 128, 256, 512, 1024, 2048)
EPOCHS = QUICKSTART.epochs  # enough that the start of hpsearch's processes, which is in the times, does not show
FEW = 5  # for the widths
NINE = Work(seeds=1).points  # side by side, for the widths
FIGURE = CHECKOUT / "docs" / "figures" / "growth.png"


def growth(options: Options) -> Found:
    """How the cost grows on digits, batch 64: in lanes and widths per run and epoch, training only; in runs as whole
    commands of 20 epochs. The products are the bare matrix products of the same training."""
    rounds = options.rounds or 3
    lanes = {lanes: _a_run_and_epoch(row, EPOCHS) for lanes, row in zip(LANES, _by_lanes(rounds), strict=True)}
    sizes = (*RUNS, LONG) if options.long else RUNS
    runs = {size: _seconds(row) for size, row in zip(sizes, _by_runs(sizes), strict=True)}
    rows = _by_width(rounds)
    widths = {width: _a_run_and_epoch(row, FEW) for width, row in zip(WIDTHS, rows[::2], strict=True)}
    bare = {width: _a_run_and_epoch(row, FEW) for width, row in zip(WIDTHS, rows[1::2], strict=True)}
    _draw(lanes, runs, widths, bare)
    tables = [
        table({"lanes": [f"{n}" for n in lanes], "ms a run and epoch": [f"{1000 * s:.2f}" for s in lanes.values()]}),
        table(
            {
                "runs": [f"{n:,}" for n in runs],
                "seconds": [f"{s:.1f}" for s in runs.values()],
                "ms a run": [f"{1000 * s / n:.1f}" for n, s in runs.items()],
            }
        ),
        table(
            {
                "width": [f"{n:,}" for n in widths],
                "ms a run and epoch": [f"{1000 * s:.2f}" for s in widths.values()],
                "of the products' speed": [f"{bare[n] / s:.0%}" for n, s in widths.items()],
            }
        ),
    ]
    numbers: dict[str, Any] = {"lanes": lanes, "runs": runs, "widths": widths, "products": bare}
    return Found("\n\n".join([*tables, f"Figure: {FIGURE.relative_to(CHECKOUT)}"]), numbers)


def _by_lanes(rounds: int) -> Sequence[Row]:
    program = digits_program()

    def case(lanes: int) -> Case:
        points = list(islice(cycle(QUICKSTART.points), lanes))
        return Case(f"{lanes} lanes", _training(partial(stacked, program, points, EPOCHS, lanes)), lanes)

    return interleaved([case(lanes) for lanes in LANES], rounds)


def _by_runs(sizes: Sequence[int]) -> Sequence[Row]:
    works = [Work(("sgd", "adam"), (0.1, 0.03, 0.01, 0.003, 0.001), seeds=size // 10) for size in sizes]
    cases = [Case(f"{len(work)} runs", partial(hpsearch, work), len(work)) for work in works]
    return interleaved(cases, rounds=1, warm_up=False)


def _by_width(rounds: int) -> Sequence[Row]:
    """Of each width the training, then its products."""
    cases = []
    for width in WIDTHS:
        program = digits_program(width, width)
        ours, bare = partial(stacked, program, NINE, FEW), partial(products, program, len(NINE), FEW)
        cases += [Case(f"{width} units", _training(ours), len(NINE)), Case("products", _training(bare), len(NINE))]
    return interleaved(cases, rounds)


def _training(function: Callable[[], float | None]) -> Callable[[], Measured]:
    return clocked(on_all_cores(function))


def _seconds(row: Row) -> float:
    if row.reason is not None:
        raise Unmeasured(f"{row.case.name}: {row.reason}")
    return median(row.seconds)


def _a_run_and_epoch(row: Row, epochs: int) -> float:
    return _seconds(row) / row.case.runs / epochs


def _draw(lanes: dict[int, float], runs: dict[int, float], widths: dict[int, float], bare: dict[int, float]) -> None:
    """Three panels with logarithmic axes."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    left.plot(list(lanes), [1000 * s for s in lanes.values()], "o-")
    left.set(title="Lanes of a stack", xlabel="lanes", ylabel="ms a run and epoch")
    middle.plot(list(runs), list(runs.values()), "o-")
    middle.set(title="Whole commands", xlabel="runs", ylabel="seconds")
    right.plot(list(widths), [1000 * s for s in widths.values()], "o-", label="hpsearch")
    right.plot(list(bare), [1000 * s for s in bare.values()], "s--", label="matrix products alone")
    right.set(title=f"Width, {len(NINE)} runs in a stack", xlabel="units of each hidden layer")
    right.set(ylabel="ms a run and epoch")
    right.legend()
    for axes, ticks in ((left, lanes), (middle, runs), (right, widths)):
        axes.set(xscale="log", yscale="log")
        axes.set_xticks(list(ticks), [f"{tick:,}" for tick in ticks])
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.minorticks_off()
        axes.yaxis.set_major_formatter("{x:g}")
        axes.grid(alpha=0.3)
    Path(FIGURE).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(FIGURE, dpi=150)
    plt.close(figure)
