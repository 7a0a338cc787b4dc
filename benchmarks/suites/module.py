"""Training alone, of a net that a user wrote as a `torch.nn.Module`."""

from benchmarks.plain import fastest, plain_loops
from benchmarks.programs import THREADS, digits_module_program, digits_program, on_all_cores, on_one_core
from benchmarks.stacked import stacked
from benchmarks.timing import Case, Found, Options, clocked, compared, interleaved
from benchmarks.work import QUICKSTART


def module(options: Options) -> Found:
    """45 runs of 20 epochs of 64-64-64-10 on digits, training only: a user's module, and the built-in net beside it."""
    program, built_in, work = digits_module_program(), digits_program(), QUICKSTART

    def plain() -> float:
        fastest()
        return plain_loops(program, work.points, work.epochs)

    def ours() -> float:
        return stacked(program, work.points, work.epochs)

    def mlp() -> float:
        return stacked(built_in, work.points, work.epochs)

    cases = [
        Case("plain loop, run by run, 1 thread", clocked(plain), len(work)),
        Case("hpsearch, a user's module, 1 core", clocked(on_one_core(ours)), len(work)),
        Case(f"hpsearch, architecture=mlp, {THREADS} cores", clocked(on_all_cores(mlp)), len(work)),
        Case(f"hpsearch, a user's module, {THREADS} cores", clocked(on_all_cores(ours)), len(work)),
    ]
    return compared(interleaved(cases, options.rounds or 5), cases[-1].name)
