"""Training alone, of the quickstart's small nets."""

from unittest.mock import patch

from benchmarks.plain import fastest, plain_loops
from benchmarks.programs import THREADS, digits_program, on_all_cores, on_one_core
from benchmarks.stacked import stacked
from benchmarks.timing import Case, Found, Options, clocked, compared, interleaved
from benchmarks.work import QUICKSTART
from hpsearch.engine import threads
from hpsearch.workers import pool


def digits(options: Options) -> Found:
    """45 runs of 20 epochs of 64-64-64-10 on digits, training only; hpsearch trains them in a process a core."""
    program, work = digits_program(), QUICKSTART

    def plain() -> float:
        fastest()
        return plain_loops(program, work.points, work.epochs)

    def ours() -> float:
        return stacked(program, work.points, work.epochs)

    def in_one_process() -> float:
        with patch.object(pool, "processes", lambda runs: 1), patch.object(threads, "SMALL", 0):
            return ours()

    cases = [
        Case("plain loop, run by run, 1 thread", clocked(plain), len(work)),
        Case("hpsearch, 1 core", clocked(on_one_core(ours)), len(work)),
        Case(f"one process, {THREADS} threads inside operations", clocked(on_all_cores(in_one_process)), len(work)),
        Case(f"hpsearch, {THREADS} cores", clocked(on_all_cores(ours)), len(work)),
    ]
    return compared(interleaved(cases, options.rounds or 5), cases[-1].name)
