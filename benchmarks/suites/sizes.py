"""The gain of finding the number of lanes in a stack while they train."""

from functools import partial
from unittest.mock import patch

from benchmarks.programs import digits_program, on_all_cores
from benchmarks.stacked import stacked
from benchmarks.timing import Case, Found, Options, clocked, compared, interleaved
from benchmarks.work import QUICKSTART, Work
from hpsearch.engine.spec import StackSpec
from hpsearch.engine.stack_size import StackSize

WIDTHS = (64, 256, 512)
EPOCHS = {64: 20, 256: 16, 512: 8}
ADAM = Work(("adam",), (0.001,), seeds=len(QUICKSTART))


def sizes(options: Options) -> Found:
    """45 runs on digits, batch 64, training only: all lanes of a process in one stack, and in stacks whose size is
    found while they train."""
    tables, numbers = [], {}
    for width in WIDTHS:
        for name, work in (("the quickstart's grid", QUICKSTART), ("Adam alone", ADAM)):
            found = _compared(digits_program(width, width), work, EPOCHS[width], options.rounds or 3)
            title = f"{width}-{width}, {name}, {EPOCHS[width]} epochs"
            tables.append(f"{title}:\n\n{found.markdown}")
            numbers[title] = found.numbers
    return Found("\n\n".join(tables), numbers)


def _compared(program: StackSpec, work: Work, epochs: int, rounds: int) -> Found:
    ours = partial(stacked, program, work.points, epochs)

    def in_one() -> float:
        with (
            patch.object(StackSize, "next", lambda self, lanes: lanes),
            patch.object(StackSize, "took", lambda self, lanes, seconds: None),
        ):
            return ours()

    cases = [
        Case("all lanes in one stack", clocked(on_all_cores(in_one)), len(work)),
        Case("the size found", clocked(on_all_cores(ours)), len(work)),
    ]
    return compared(interleaved(cases, rounds, warm_up=False), cases[1].name)
