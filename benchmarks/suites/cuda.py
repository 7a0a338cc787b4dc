"""The paper's net on a CUDA device."""

import statistics
from collections.abc import Callable
from functools import partial
from unittest.mock import patch

import torch

from benchmarks.command import hpsearch
from benchmarks.plain import plain_loop
from benchmarks.plain_graph import graph_loop
from benchmarks.programs import fashion_program
from benchmarks.stacked import stacked
from benchmarks.timing import Case, Found, Options, Unmeasured, clocked, compared, interleaved
from benchmarks.work import Work
from hpsearch.engine import stack
from hpsearch.engine.spec import StackSpec

TABLE = Work(epochs=40)  # the paper's, with 5 seeds
THREE = [("sgd", 0.03, 0), ("adam", 0.001, 0), ("rmsprop", 0.001, 0)]
Loop = Callable[[StackSpec, str, float, int, int], float]


def cuda(options: Options) -> Found:
    """40 epochs of 784-400-400-10 on Fashion-MNIST, batch 512, in TF32: the paper's table with 5 seeds in lanes, one
    run alone, and three runs one by one in plain PyTorch; the table also in bfloat16, and with an optimizer's step as
    PyTorch's operations instead of one kernel."""
    if not torch.cuda.is_available():
        raise Unmeasured("not measured: no CUDA device here; `python -m benchmarks cuda` measures it")
    program = fashion_program(device="cuda:0")
    halved = fashion_program(torch.bfloat16, "cuda:0")
    torch.backends.cuda.matmul.allow_tf32 = True

    whole_command = partial(hpsearch, TABLE, "precision=tf32", "device=cuda", experiment="optimizers")

    def one_by_one(loop: Loop) -> float:
        return statistics.fmean(loop(program, *point, TABLE.epochs) for point in THREE)

    def table(program: StackSpec) -> float:
        return stacked(program, TABLE.points, TABLE.epochs)

    def unfused() -> float:
        with patch.object(stack, "fused", lambda optimizer, device: optimizer.update):
            return table(program)

    cases = [
        Case("plain resident loop, run by run", clocked(partial(one_by_one, plain_loop)), len(THREE)),
        Case("plain loop as a CUDA graph, run by run", clocked(partial(one_by_one, graph_loop)), len(THREE)),
        Case("hpsearch, one run", clocked(partial(stacked, program, THREE[:1], TABLE.epochs))),
        Case("hpsearch, one run with Adam", clocked(partial(stacked, program, THREE[1:2], TABLE.epochs))),
        Case("hpsearch, the table, step not fused", clocked(unfused), len(TABLE)),
        Case("hpsearch, the table", clocked(partial(table, program)), len(TABLE)),
        Case("hpsearch, the table in bfloat16", clocked(partial(table, halved)), len(TABLE)),
        Case("hpsearch, the table as a whole command", whole_command, len(TABLE)),
    ]
    return compared(interleaved(cases, options.rounds or 3), "hpsearch, the table")
