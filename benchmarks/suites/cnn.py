"""Training alone, of the built-in convolutional net."""

from benchmarks.plain import fastest, plain_loops
from benchmarks.programs import THREADS, fashion_cnn_program, on_all_cores
from benchmarks.stacked import stacked
from benchmarks.timing import Case, Found, Options, clocked, compared, interleaved
from benchmarks.work import Work

NINE = Work(seeds=1, epochs=1)


def cnn(options: Options) -> Found:
    """One epoch of nine runs of architecture=cnn on Fashion-MNIST, batch 128, training only."""
    program, work = fashion_cnn_program(), NINE

    def plain() -> float:
        return plain_loops(program, work.points, work.epochs)

    def on_one_thread() -> float:
        fastest()
        return plain()

    def ours() -> float:
        return stacked(program, work.points, work.epochs)

    cases = [
        Case("plain loop, run by run, 1 thread", clocked(on_one_thread), len(work)),
        Case(f"plain loop, run by run, {THREADS} threads", clocked(on_all_cores(plain)), len(work)),
        Case(f"hpsearch, {THREADS} cores", clocked(on_all_cores(ours)), len(work)),
    ]
    return compared(interleaved(cases, options.rounds or 1, warm_up=False), cases[-1].name)
